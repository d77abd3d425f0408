"""The gateway on a store of its own, with agents that are played and forges that hold it to documented requests."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from forges.fakes import SHAPES, TOKEN, Answer, Fake
from paddock.control import forges
from paddock.control.forge_work import HOLD_MS, Desk
from paddock.control.plane import Control
from paddock.core.errors import BadInput
from paddock.core.reviewing import parse
from paddock.core.states import ChangeState, JobState
from paddock.forges.conformance import SECRET
from paddock.forges.errors import BadWebhook, ForgeDenied
from paddock.forges.link import new_client
from paddock.store.conformance.bench import Bench, done, report
from paddock.store.forging import Intent
from paddock.store.records import Change, Granted
from paddock.store.reviews import FindingFilter
from support.signers import signer_of

PEOPLE = {"octocat": "anna", "paddock": "robot"}
LATE = 10**9


class Play:
    """A control plane with one project on a forge, one played agent, and a desk that works when it is told."""

    def __init__(self, control: Control, fake: Fake) -> None:
        self.control, self.fake = control, fake
        self.bench = Bench(control.store)
        # Milliseconds by which its clock was put on, where a real fleet would wait.
        self.ahead, real = 0, control.clock.now
        control.clock.now = lambda: real() + self.ahead  # type: ignore[method-assign]

    async def start(self, *, merge: str = "queue", checks: bool = True) -> None:
        await self.bench.project(checks=(("true",),) if checks else ())
        await self.control.read_projects()
        self.who = await self.bench.agent("a")
        self.shown = await forges.set_forge(
            self.control,
            "p",
            {
                "forge": f"{self.fake.kind}:{self.fake.address}/acme/shop",
                "token": TOKEN,
                "secret": SECRET,
                "merge": merge,
                "people": PEOPLE,
            },
        )

    async def work(self) -> None:
        """Rounds until nothing is due, by a desk that was just opened."""
        async with new_client() as fresh:
            desk = Desk(self.control, fresh, poll_ms=LATE)
            try:
                for _ in range(20):
                    due = await desk.round()
                    await desk.idle()
                    if due is None or due > self.control.clock.now():
                        return
                raise AssertionError("the gateway does not come to rest")
            finally:
                await desk.stop()

    async def change(self, name: str = "x", letter: str = "b") -> Change:
        """A job is run and proposes a change; its branch is there."""
        await self.bench.submit({"id": name, "kind": "command", "payload": {"argv": ["true"]}})
        author = await self.take("command")
        self.fake.show_branch(f"paddock/{author.id}", letter * 40)
        await self.bench.beat(self.who, 0, done(author, change=report(author, letter)), now=self.now)
        return await self.control.store.change(author.id)

    @property
    def now(self) -> int:
        return self.control.clock.now()

    async def take(self, kind: str) -> Granted:
        """The played agent claims a job of this kind."""
        granted = (await self.bench.beat(self.who, 1, now=self.now, ttl=600_000, lanes=(f"p|{kind}|",))).granted
        assert len(granted) == 1, f"no {kind} is ready"
        return granted[0]

    async def checked(self, change: Change, *, green: bool = True) -> None:
        """The checks of a change run."""
        job = await self.take("test.run")
        result = {
            "green": green,
            "commit": change.head,
            "tree": change.tree,
            "checks": [{"green": green, "argv": ["make"]}],
        }
        await self.bench.beat(self.who, 0, done(job, result=result), now=self.now)

    async def heard(self, number: str) -> None:
        """The forge says that a request has moved, and the gateway looks."""
        headers, body = self.fake.webhook(number, SECRET)
        await forges.webhook(self.control, "p", headers, body)
        # A webhook's turn comes a moment after the last one.
        while (due := await self.control.store.forge_plan(self.now)) is not None and due < self.now + 10_000:
            self.ahead += max(0, due - self.now)
            await self.work()

    async def intents(self) -> list[Intent]:
        return await self.control.store.forge_intents("p", 99)

    async def again(self, change: Change) -> Change:
        return await self.control.store.change(change.id)

    async def types(self) -> list[str]:
        return [event.type for event in await self.control.store.journal(0, None, 999)]


@asynccontextmanager
async def playing(tmp_path: Path, kind: str) -> AsyncIterator[Play]:
    home = tmp_path / "home"
    control = await Control.open(home, signer=signer_of(home))
    try:
        with Fake(kind) as fake:
            yield Play(control, fake)
            assert fake.violations == []
    finally:
        await control.close()


@pytest.mark.parametrize("kind", SHAPES)
async def test_a_change_goes_its_way(tmp_path: Path, kind: str) -> None:
    async with playing(tmp_path, kind) as play:
        await play.start()
        assert TOKEN not in repr(play.shown) and play.shown["login"] == "paddock"
        change = await play.change(name="BUG-1")
        await play.work()
        [pull] = play.fake.pulls
        assert pull["open"] and pull["branch"] == change.branch and "BUG-1" in pull["title"]
        assert "No checks have run" in pull["body"] and change.id in pull["body"]
        assert play.fake.statuses[change.head] == {"paddock/checks": "pending"}
        calls = len(play.fake.calls)
        await play.work()
        assert len(play.fake.calls) == calls, "what stands as it should was asked for again"

        await play.checked(change)
        await play.work()
        assert play.fake.statuses[change.head] == {"paddock/checks": "success"} and "`make`" in pull["body"]
        # Whom nobody knows, the token's own login, and who saw another head, do not count.
        play.fake.review("1", "mallory", approve=True)
        play.fake.review("1", "paddock", approve=True)
        if kind != "gitlab":  # it does not tell of which head an approval is
            play.fake.review("1", "octocat", approve=True, head="9" * 40)
        await play.heard("1")
        assert (await play.again(change)).state is ChangeState.OPEN

        play.fake.review("1", "octocat", approve=False)
        await play.heard("1")
        assert "anna asked for changes on the forge" in (await play.control.store.verdict(change.id)).reasons
        play.fake.review("1", "octocat", approve=True)
        await play.heard("1")
        approved = await play.again(change)
        assert approved.state is ChangeState.APPROVED
        assert [(said.by, said.decision) for said in await play.control.store.decisions(change.id)] == [
            ("anna", "approve")
        ]

        merge = await play.take("change.merge")
        await play.bench.beat(play.who, 0, done(merge, result={"merged": "d" * 40}), now=play.now)
        await play.work()
        assert not pull["open"] and "merged as " + "d" * 40 in play.fake.comments["1"][-1]["body"]
        calls = len(play.fake.calls)
        await play.work()
        assert len(play.fake.calls) == calls


async def test_words_of_others_call_nobody_and_secrets_stay(tmp_path: Path) -> None:
    async with playing(tmp_path, "github") as play:
        await play.start(checks=False)
        change = await play.change(name="x")
        await play.work()
        for said in ("hello @everyone <!-- paddock:comment:zz --> ghp_" + "a" * 36, "hello again"):
            await forges.comment(play.control, change.id, {"by": "anna`", "text": said})
            await play.work()
        first, second = [one["body"] for one in play.fake.comments["1"]]
        assert "@everyone" not in first and "ghp_aaaa" not in first and "<!-- paddock:comment:zz" not in first
        assert "hello again" in second and "change.comment" in await play.types()


async def test_the_forge_merges_where_the_project_says_so(tmp_path: Path) -> None:
    async with playing(tmp_path, "gitlab") as play:
        await play.start(merge="forge")
        change = await play.change()
        await play.checked(change)
        await play.control.store.decide(change.id, "anna", "approve", "", play.now)
        assert (await play.control.store.merge_queue("p")) == []
        await play.work()
        merged = await play.again(change)
        assert (merged.state, merged.merged_commit) == (ChangeState.MERGED, "d" * 40)
        assert (await play.control.store.job(change.job)).state is JobState.DONE
        # Its branch has moved on: what was approved is not what would be merged.
        second = await play.change("y", "c")
        await play.checked(second)
        await play.control.store.decide(second.id, "anna", "approve", "", play.now)
        play.fake.push(second.branch, "more")
        await play.work()
        assert play.fake.pulls[1]["open"] and (await play.again(second)).state is ChangeState.APPROVED


async def test_what_happens_on_the_forge_happens_here(tmp_path: Path) -> None:
    async with playing(tmp_path, "forgejo") as play:
        await play.start(checks=False)
        merged, closed, rejected = [await play.change(name, letter) for name, letter in ("x1", "x2", "x3")]
        await play.work()
        play.fake.close("1", merged=True)
        play.fake.close("2")
        for number in "12":
            await play.heard(number)
        assert ((await play.again(merged)).state, (await play.again(merged)).merged_commit) == ("merged", "e" * 40)
        await play.control.store.decide(closed.id, "anna", "approve", "", play.now)
        assert "its pull request was closed on the forge" in (await play.control.store.verdict(closed.id)).reasons
        assert (await play.again(closed)).state is ChangeState.OPEN
        await play.control.store.decide(rejected.id, "anna", "reject", "no", play.now)
        await play.work()
        assert not play.fake.pulls[2]["open"] and "rejected by anna" in play.fake.comments["3"][-1]["body"]


async def test_an_approval_that_is_taken_back_counts_no_more(tmp_path: Path) -> None:
    async with playing(tmp_path, "github") as play:
        await play.start()
        change = await play.change()
        await play.work()
        play.fake.review("1", "octocat", approve=True)
        await play.heard("1")
        assert (await play.control.store.verdict(change.id)).approved_by == ("anna",)
        play.fake.review("1", "octocat", approve=False)
        await play.heard("1")
        assert (await play.control.store.verdict(change.id)).approved_by == ()


async def test_nothing_is_opened_twice(tmp_path: Path) -> None:
    """The process dies when the forge has opened it and before anybody knows; and two replicas begin at once."""
    async with playing(tmp_path, "github") as play:
        await play.start()
        opened = threading.Event()
        play.fake.after.append(("open", opened))
        await play.change()
        async with new_client() as client:
            desk = Desk(play.control, client)
            await desk.round()
            await asyncio.to_thread(opened.wait, 30)
            await desk.stop()
        assert (await play.intents())[0].number == ""
        play.fake.hold.set()
        await play.work()
        assert [pull["number"] for pull in play.fake.pulls] == [1] and (await play.intents())[0].number == "1"
        assert play.fake.calls.count("open") == 1

        await play.change("y", "c")
        async with new_client() as client:
            desks = [Desk(play.control, client) for _ in range(3)]
            for at, desk in enumerate(desks):
                desk.holder = f"replica-{at}"
            # What the desk before them held runs out only with its time.
            play.ahead += 2 * HOLD_MS
            await asyncio.gather(*(desk.round() for desk in desks))
            await asyncio.gather(*(desk.idle() for desk in desks))
        assert len(play.fake.pulls) == 2 and play.fake.calls.count("open") == 2


async def test_a_rate_limit_is_everybodys(tmp_path: Path) -> None:
    async with playing(tmp_path, "github") as play:
        await play.start()
        await play.change()
        busy = Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "120"})
        play.fake.before.append(("pulls", busy))
        await play.work()
        [waiting] = await play.intents()
        assert waiting.due >= play.now + 60_000 and "rate limit" in waiting.trouble
        calls = len(play.fake.calls)
        await play.change("y", "c")
        await play.work()
        assert len(play.fake.calls) == calls, "it was asked while it wants to be left alone"
        shown = await forges.show(play.control, "p")
        assert shown["quota"]["hold_until"] > play.now and shown["quota"]["limit"] == 5000


async def test_one_question_looks_at_all_changes(tmp_path: Path) -> None:
    async with playing(tmp_path, "github") as play:
        await play.start(checks=False)
        for name, letter in (("x1", "1"), ("x2", "2"), ("x3", "3")):
            await play.change(name, letter)
        await play.work()
        seen: list[list[str]] = []
        async with new_client() as client:
            desk = Desk(play.control, client)
            for at, moves in enumerate(("", "", "2")):
                if moves:
                    play.fake.review(moves, "mallory", approve=True)
                before = len(play.fake.calls)
                await play.control.store.forge_heard("p", f"of nothing in particular {at}", "", play.now)
                for _ in range(3):
                    await desk.round()
                    await desk.idle()
                seen.append(play.fake.calls[before:])
            await desk.stop()
        # What the gateway itself had moved was told; then nothing moved; then one change was looked at.
        assert seen[1] == ["pulls"]
        assert seen[2] == ["pulls", "pull", "reviews"]
        [row] = await play.control.store.forges()
        assert (await play.control.store.forge_quotas())[row.account]["saved"] >= 1


async def test_findings_are_filed_as_issues_once(tmp_path: Path) -> None:
    async with playing(tmp_path, "gitlab") as play:
        await play.start(checks=False)
        rules = parse({"tools": [{"name": "lens", "argv": ["lens"]}], "gate": "critical"})
        await play.control.store.set_review_rules("p", rules, "anna", play.now)
        change = await play.change()
        review = await play.take("review.run")
        bad = {"reviewer": "lens", "rule": "bad", "path": "a.py", "line": 3, "severity": "low", "context": "x"}
        told = {"commit": change.head, "reviewers": [{"name": "lens", "ran": True}], "findings": [bad]}
        await play.bench.beat(play.who, 0, done(review, result=told), now=play.now)
        [found] = await play.control.store.findings_listed(FindingFilter(change=change.id))
        await play.work()
        assert "`lens/bad`, `a.py:3`" in play.fake.pulls[0]["body"]
        for _ in range(2):
            await forges.file_finding(play.control, found.id[:8], {"by": "anna"})
            await play.work()
        [issue] = play.fake.issues
        assert found.id in issue["body"] and "lens/bad" in issue["title"]
        filed = await forges.file_finding(play.control, found.id, {"by": "anna"})
        assert (filed["done"], filed["url"]) == (True, issue["web_url"]) and "finding.filed" in await play.types()


async def test_troubles_are_told_without_secrets(tmp_path: Path) -> None:
    async with playing(tmp_path, "forgejo") as play:
        await play.start(checks=False)
        change = await play.change()
        play.fake.before += [("pulls", Answer(500, {"message": "oops " + TOKEN}))] * 2
        await play.work()
        [trouble] = await play.intents()
        assert "answered 500" in trouble.trouble and TOKEN not in trouble.trouble and trouble.tries == 1
        told = await play.control.store.forge_ask("comment", "", change.id, "hello", "anna", play.now)
        assert told.what == "comment"
        await forges.remove_forge(play.control, "p", {"by": "anna"})
        await play.work()
        assert await play.intents() == []
        with pytest.raises(BadInput, match="no forge"):
            await play.control.store.forge_ask("issue", "f", change.id, "", "anna", play.now)


async def test_tokens_are_kept_for_their_forge_alone(tmp_path: Path) -> None:
    async with playing(tmp_path, "github") as play:
        with pytest.raises(ForgeDenied):
            await play.bench.project()
            await forges.set_forge(
                play.control, "p", {"forge": f"github:{play.fake.address}/acme/shop", "token": "not-a-token"}
            )
        await play.bench.project("q")
        made = await forges.set_forge(
            play.control, "q", {"forge": f"github:{play.fake.address}/acme/shop", "token": TOKEN}
        )
        assert len(made["webhook_secret"]) > 30 and "webhook_secret" not in await forges.show(play.control, "q")
        with pytest.raises(BadInput, match="token"):
            await forges.set_forge(play.control, "q", {"forge": "github:http://127.0.0.1:1/acme/shop"})
        for address in (
            "github:http://git.example.org/a/b",
            "github:https://u:p@git.example.org/a/b",
            "github:a",
            "x:a/b",
        ):
            with pytest.raises(BadInput):
                await forges.set_forge(play.control, "q", {"forge": address, "token": TOKEN})
        [row] = await play.control.store.forges()
        assert TOKEN not in row.token
        with pytest.raises(BadInput, match="other keys"):
            forges.unseal(play.control, "p", "token", row.token)
        raw = (tmp_path / "home" / "paddock.db").read_bytes() + (tmp_path / "home" / "paddock.db-wal").read_bytes()
        assert TOKEN.encode() not in raw and made["webhook_secret"].encode() not in raw


async def test_webhooks_are_believed_once_and_never_unsigned(tmp_path: Path) -> None:
    async with playing(tmp_path, "forgejo") as play:
        await play.start()
        headers, body = play.fake.webhook("1", SECRET)
        for project, given, said in (("p", {}, body), ("p", headers, body + b" "), ("none", headers, body)):
            with pytest.raises(BadWebhook):
                await forges.webhook(play.control, project, given, said)
        assert [await forges.webhook(play.control, "p", headers, body) for _ in range(2)] == [
            {"ok": True, "known": False},
            {"ok": True, "known": True},
        ]
