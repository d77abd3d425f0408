"""Checks on the secrets of projects."""

from paddock.core.errors import NotFound
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check
from paddock.store.secrets import Kept


async def a_secret_belongs_to_its_project(store: Store) -> None:
    await Bench(store).project()
    await store.set_secret("p", "npm", "first", "ann", NOW)
    await store.set_secret("p", "npm", "second", "bob", NOW + 1)
    await store.set_secret("p", "key", "other", "", NOW)
    assert await store.secrets() == [Kept("p", "key", "other", NOW, ""), Kept("p", "npm", "second", NOW + 1, "bob")]
    for forbidden in (
        store.set_secret("nobody", "npm", "x", "", NOW),
        store.drop_secret("p", "none", "", NOW),
    ):
        try:
            await forbidden
            raise AssertionError("there is none")
        except NotFound:
            pass
    await store.drop_secret("p", "npm", "ann", NOW + 2)
    assert [kept.name for kept in await store.secrets()] == ["key"]
    told = [event for event in await store.journal(0, None, 100) if event.type.startswith("secret.")]
    assert [event.type for event in told] == ["secret.set"] * 3 + ["secret.removed"]
    assert "second" not in str(told)


CHECKS: tuple[Check, ...] = (a_secret_belongs_to_its_project,)
