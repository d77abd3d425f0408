"""Secrets of projects, for those who set them: a value goes in and never comes out."""

from typing import Any

from paddock.control.plane import SECRETS, Control
from paddock.core import secrets
from paddock.core.errors import BadInput


async def put(control: Control, project: str, name: str, given: Any) -> dict[str, Any]:
    """A person sets a secret. Raises: BadInput, NotFound."""
    by = _by(given)
    value = given.get("value")
    if not isinstance(value, str):
        raise BadInput("value: expected a text", where="value")
    secrets.check_names([name], "name")
    sealed = control.vault.rest(project, name, secrets.check_value(value, name))
    await control.store.set_secret(project, name, sealed, by, control.clock.now())
    await _changed(control)
    return {"project": project, "name": name}


async def drop(control: Control, project: str, name: str, given: Any) -> dict[str, Any]:
    """A person removes a secret. Raises: BadInput, NotFound."""
    await control.store.drop_secret(project, name, _by(given), control.clock.now())
    await _changed(control)
    return {"project": project, "name": name, "removed": True}


async def listing(control: Control) -> list[dict[str, Any]]:
    """Every secret without its value; `held` says whether this control plane's keys open it."""
    return [
        {
            "project": kept.project,
            "name": kept.name,
            "changed": kept.changed,
            "by": kept.set_by,
            "held": control.vault.holds(kept.project, kept.name),
        }
        for kept in await control.store.secrets()
    ]


async def _changed(control: Control) -> None:
    await control.vault.read(control.store)
    control.stir()
    control.bus.news(SECRETS)
    control.bus.news()


def _by(given: Any) -> str:
    if not isinstance(given, dict):
        raise BadInput("expected an object")
    by = given.get("by", "")
    if not isinstance(by, str) or len(by) > 100 or any(ord(c) < 32 for c in by):
        raise BadInput("by: expected the name of the person who decides", where="by")
    return by
