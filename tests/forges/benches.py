"""Forges to try drivers on, and what people do there."""

import time
from pathlib import Path

import httpx
import msgspec

from forges.fakes import TOKEN, Fake
from paddock.control.forge_local import Local
from paddock.control.plane import Control
from paddock.forges.base import Forge
from paddock.forges.conformance import SECRET
from paddock.forges.connect import Place, connect
from paddock.forges.quota import Quota
from paddock.store.conformance.bench import Bench, done, report
from support.pagure import Pagure, signed
from support.repos import Repo


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def driver(client: httpx.AsyncClient, place: Place, token: str) -> Forge:
    """A driver with a quota of its own."""
    return connect(client, place, token, Quota(), now)


class FakeBench:
    """One of the fakes that hold requests to their documented shapes."""

    base = "main"
    remote = True

    def __init__(self, client: httpx.AsyncClient, fake: Fake) -> None:
        place = Place(kind=fake.kind, base=fake.base, repo=fake.repo)
        self.fake = fake
        self.forge = driver(client, place, TOKEN)
        self.stranger = driver(client, place, "not-a-token")

    async def push(self, branch: str, content: str) -> str:
        return self.fake.push(branch, content)

    async def approve(self, number: str) -> str:
        return self.fake.review(number, "octocat", approve=True)

    async def object(self, number: str) -> str:
        return self.fake.review(number, "octocat", approve=False)

    async def comments(self, number: str) -> list[str]:
        return [one["body"] for one in self.fake.comments[number]]

    async def issues(self) -> list[str]:
        return [one["body"] for one in self.fake.issues]

    async def colour(self, number: str, head: str) -> str:  # noqa: ARG002
        colour = self.fake.statuses[head]["paddock/checks"]
        return {"failed": "failure"}.get(colour, colour)

    def webhook(self, number: str) -> tuple[dict[str, str], bytes]:
        return self.fake.webhook(number, SECRET)


class LocalBench:
    """A project without a forge: changes are opened by a played agent, and people decide in Paddock."""

    base = "main"
    remote = False

    def __init__(self, control: Control) -> None:
        self._control, self._bench = control, Bench(control.store)
        self.forge: Forge = Local(control, "p")
        self.stranger: Forge = self.forge
        self._who = ("", "")

    async def push(self, branch: str, content: str) -> str:  # noqa: ARG002
        if not self._who[0]:
            await self._bench.project()
            self._who = await self._bench.agent("a")
        if (found := await self.forge.find(branch)) is not None:
            return found.head
        await self._bench.submit({"id": "x", "kind": "command", "payload": {"argv": ["true"]}})
        job = (await self._bench.beat(self._who, 1)).granted[0]
        change = msgspec.structs.replace(report(job), branch=branch)
        await self._bench.beat(self._who, 0, done(job, change=change))
        return change.head

    async def approve(self, number: str) -> str:
        await self._control.store.decide(number, "anna", "approve", "", now())
        return "anna"

    async def object(self, number: str) -> str:
        raise NotImplementedError(number)

    async def comments(self, number: str) -> list[str]:
        job = (await self._control.store.change(number)).job
        rows = await self._control.store.journal(0, job, 999)
        return [str(row.data["note"]) for row in rows if row.type == "change.comment"]

    async def issues(self) -> list[str]:
        return []

    async def colour(self, number: str, head: str) -> str:
        raise NotImplementedError(number + head)

    def webhook(self, number: str) -> tuple[dict[str, str], bytes]:
        raise NotImplementedError(number)


class PagureBench:
    """The real one."""

    base = "main"
    remote = True

    def __init__(self, client: httpx.AsyncClient, pagure: Pagure) -> None:
        place = Place(kind="pagure", base=f"{pagure.address}/api/0", repo="shop")
        self._pagure = pagure
        self.forge = driver(client, place, pagure.tokens["paddock"])
        self.stranger = driver(client, place, "not-a-token")

    async def push(self, branch: str, content: str) -> str:
        return push(self._pagure.repo, branch, content)

    async def approve(self, number: str) -> str:
        self._pagure.call("anna", f"/shop/pull-request/{number}/comment", comment="Reads well :thumbsup:")
        return "anna"

    async def object(self, number: str) -> str:
        self._pagure.call("anna", f"/shop/pull-request/{number}/comment", comment="-1, it breaks the build")
        return "anna"

    async def comments(self, number: str) -> list[str]:
        told = self._pagure.call("paddock", f"/shop/pull-request/{number}")
        return [one["comment"] for one in told["comments"] if not one["notification"]]

    async def issues(self) -> list[str]:
        return [one["content"] for one in self._pagure.call("paddock", "/shop/issues?status=all")["issues"]]

    async def colour(self, number: str, head: str) -> str:  # noqa: ARG002
        flags = self._pagure.call("paddock", f"/shop/pull-request/{number}/flag")["flags"]
        return str(max(flags, key=lambda one: float(one["date_updated"]))["status"])

    def webhook(self, number: str) -> tuple[dict[str, str], bytes]:
        return signed(number)


def push(path: Path, branch: str, content: str) -> str:
    """A commit on a branch of a bare repository, which is made where it is missing."""
    base = Repo(path, "main", ())
    if not base.tip():
        base.commit({"README": "a shop\n"})
    if not base.tip(branch):
        base.git("update-ref", f"refs/heads/{branch}", base.tip())
    return Repo(path, branch, ()).commit({f"{branch.replace('/', '-')}.txt": content})
