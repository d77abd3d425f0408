"""What every driver of a forge must do. Shipped, so that a driver of your own can be held to it.

Each check works with branches of its own on one repository, so that all of them can run on one forge.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from paddock.forges import text
from paddock.forges.base import Draft, Forge, Request, Status
from paddock.forges.errors import BadWebhook, ForgeDenied, ForgeMissing, HeadMoved

SECRET = "a secret of a conformance suite"


class Bench(Protocol):
    """A forge, and what people do on it behind the driver's back."""

    forge: Forge
    # The same with a token that the forge does not know.
    stranger: Forge
    base: str
    # Whether webhooks, statuses and strangers exist there.
    remote: bool

    async def push(self, branch: str, content: str) -> str:
        """Puts a commit on top of a branch, made from the base; returns its id."""

    async def approve(self, number: str) -> str:
        """A person approves the request as it stands; returns the login."""

    async def object(self, number: str) -> str:
        """The same person asks for changes; returns the login."""

    async def comments(self, number: str) -> list[str]: ...
    async def issues(self) -> list[str]: ...
    async def colour(self, number: str, head: str) -> str: ...
    def webhook(self, number: str) -> tuple[dict[str, str], bytes]:
        """A webhook about this request, signed with SECRET; header names in lower case."""


Check = Callable[[Bench], Awaitable[None]]


async def _open(bench: Bench, branch: str) -> tuple[Request, str]:
    head = await bench.push(branch, "one\n")
    draft = Draft(branch=branch, base=bench.base, title=f"Change {branch}", body=text.mark("change", branch))
    return await bench.forge.open_or_find(draft), head


async def opens_a_branch_once(bench: Bench) -> None:
    first, head = await _open(bench, "paddock/once")
    assert (first.state, first.branch, first.head) == ("open", "paddock/once", head)
    assert first.url.startswith(("http://", "https://", "/"))
    again, _ = await _open(bench, "paddock/once")
    assert again.number == first.number
    found = await bench.forge.find("paddock/once")
    assert found is not None and found.number == first.number
    assert await bench.forge.find("paddock/onc") is None


async def opens_it_once_for_two_at_a_time(bench: Bench) -> None:
    await bench.push("paddock/race", "one\n")
    draft = Draft(branch="paddock/race", base=bench.base, title="Change race", body="")
    if bench.forge.kind == "pagure":  # it has no rule against a second one; the gateway asks one thing at a time
        return
    made = await asyncio.gather(bench.forge.open_or_find(draft), bench.forge.open_or_find(draft))
    assert len({one.number for one in made}) == 1


async def opens_anew_what_was_closed(bench: Bench) -> None:
    first, _ = await _open(bench, "paddock/closed")
    await bench.forge.close(first.number)
    await bench.forge.close(first.number)
    assert (await bench.forge.show(first.number)).state == "closed"
    assert await bench.forge.find("paddock/closed") is None
    second, _ = await _open(bench, "paddock/closed")
    assert second.number != first.number and second.state == "open"


async def follows_the_branch(bench: Bench) -> None:
    if not bench.remote:
        return
    first, _ = await _open(bench, "paddock/moves")
    head = await bench.push("paddock/moves", "two\n")
    assert (await bench.forge.show(first.number)).head == head
    await bench.forge.edit(first.number, Draft(branch="paddock/moves", base=bench.base, title="Other", body="said"))


async def says_a_thing_once(bench: Bench) -> None:
    first, _ = await _open(bench, "paddock/says")
    for name, look in (("a", False), ("a", True), ("b", True)):
        said = text.comment("anna", f"thing {name}", name)
        assert (await bench.forge.comment(first.number, said, text.mark("comment", name), look=look)).number
    found = [one for one in await bench.comments(first.number) if "thing" in one]
    assert [("thing a" in one, "thing b" in one) for one in found] == [(True, False), (False, True)]


async def sets_how_checks_stand(bench: Bench) -> None:
    if not bench.remote:
        return
    first, head = await _open(bench, "paddock/status")
    for colour in ("pending", "pending", "failure", "success"):
        await bench.forge.set_status(first, Status(colour=colour, about=f"it is {colour}"))
        assert await bench.colour(first.number, head) == colour


async def tells_the_last_word_of_reviewers(bench: Bench) -> None:
    first, head = await _open(bench, "paddock/reviews")
    assert await bench.forge.reviews(first.number) == []
    login = await bench.approve(first.number)
    [said] = await bench.forge.reviews(first.number)
    assert (said.login, said.said) == (login, "approve") and said.head in ("", head)
    if bench.remote:
        await bench.object(first.number)
        [said] = await bench.forge.reviews(first.number)
        assert (said.login, said.said) == (login, "changes")


async def merges_the_head_that_was_meant(bench: Bench) -> None:
    if not bench.forge.merges:
        return
    first, _ = await _open(bench, "paddock/merges")
    head = await bench.push("paddock/merges", "two\n")
    try:
        await bench.forge.merge(first.number, "0" * 40, "Merge it\n")
        raise AssertionError("another head was merged")
    except HeadMoved:
        pass
    assert (await bench.forge.show(first.number)).state == "open"
    commit = await bench.forge.merge(first.number, head, "Merge it\n\nPaddock-Change: c\n")
    shown = await bench.forge.show(first.number)
    assert shown.state == "merged" and len(commit) == 40 and shown.commit in ("", commit)


async def files_an_issue_once(bench: Bench) -> None:
    if not bench.remote:
        return
    finding = {
        "id": "f-one", "name": "ruff/F401", "message": "`os` <!-- is --> unused @anna", "path": "a.py", "line": 3,
        "severity": "low", "head": "a" * 40,
    }  # fmt: skip
    title, body = text.issue(finding, "")
    mark = text.mark("finding", "f-one")
    made = [await bench.forge.file_issue(title, body, mark, look=look) for look in (False, True)]
    assert len({one.number for one in made}) == 1 and made[0].url
    assert len([one for one in await bench.issues() if "unused" in one]) == 1


async def tells_what_has_moved(bench: Bench) -> None:
    first, _ = await _open(bench, "paddock/stamps")
    before = await bench.forge.stamps()
    assert before is None or first.number in before
    await bench.forge.close(first.number)
    after = await bench.forge.stamps()
    assert after is not None and first.number not in after
    assert await bench.forge.stamps() in (None, after)


async def says_what_is_missing_and_who_is_not_let_in(bench: Bench) -> None:
    try:
        await bench.forge.show("99999")
        raise AssertionError("what is not there was shown")
    except ForgeMissing:
        pass
    if not bench.remote:
        return
    assert await bench.forge.whoami() == "paddock"
    try:
        await bench.stranger.whoami()
        raise AssertionError("a stranger was let in")
    except ForgeDenied as error:
        assert "not-a-token" not in error.message


async def believes_signed_webhooks_only(bench: Bench) -> None:
    if not bench.remote:
        return
    headers, body = bench.webhook("17")
    assert bench.forge.verify_webhook(headers, body, SECRET).number == "17"
    signed = {name: value for name, value in headers.items() if "signature" in name or "token" in name}
    other = msgspec.json.encode({"other": True})
    tries = [
        ({}, body, SECRET),
        (dict.fromkeys(signed, ""), body, SECRET),
        (headers, body, SECRET + "x"),
        (headers, body, ""),
    ]
    if bench.forge.kind != "gitlab":  # its secret says nothing of the body
        tries.append((headers, other, SECRET))
    for given, said, secret in tries:
        try:
            bench.forge.verify_webhook(given, said, secret)
            raise AssertionError(f"a webhook was believed with {given}")
        except BadWebhook:
            pass


CHECKS: tuple[Check, ...] = (
    opens_a_branch_once,
    opens_it_once_for_two_at_a_time,
    opens_anew_what_was_closed,
    follows_the_branch,
    says_a_thing_once,
    sets_how_checks_stand,
    tells_the_last_word_of_reviewers,
    merges_the_head_that_was_meant,
    files_an_issue_once,
    tells_what_has_moved,
    says_what_is_missing_and_who_is_not_let_in,
    believes_signed_webhooks_only,
)
