"""Load shed: when the store stands still, what can wait is sent away, and what tells of work is taken first."""

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from paddock.cli.api import Api
from paddock.control import pressure
from paddock.control.plane import Control
from paddock.control.pressure import Pressure, can_wait
from paddock.core.errors import Overloaded
from paddock.core.schedule import beat_interval, spread
from paddock.store.backlog import Backlog
from paddock.store.statements import Tx
from paddock.web.server import listen, serve
from support.fleet import Process
from support.light import Light, Refused, done
from support.places import free_port, make_traversable, remove_tree
from support.signers import signer_of
from support.wait import wait_until


class Stalled:
    """A served control plane whose store stands still when it is told to, by a write that does not end."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.api = Api(f"http://127.0.0.1:{self.port}")
        self._home = home
        self._go = threading.Event()
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),), daemon=True)
        self._thread.start()
        assert self._up.wait(40)

    async def _main(self) -> None:
        self.control = await Control.open(self._home, signer=signer_of(self._home), beat_ms=1_000)
        sock = listen("127.0.0.1", self.port)
        self._task = asyncio.ensure_future(serve(self.control, sock, self._up.set))
        await asyncio.gather(self._task, return_exceptions=True)
        await self.control.close()
        sock.close()

    def stall(self) -> None:
        """From now on no write ends."""
        self._go.clear()
        begun = threading.Event()

        def stand_still(_tx: Tx) -> None:
            begun.set()
            self._go.wait(120)

        async def ask() -> None:
            await self.control.store._write(0, lambda work: stand_still(work.tx))  # type: ignore[attr-defined]

        self._stuck = asyncio.run_coroutine_threadsafe(ask(), self._loop)
        assert begun.wait(40)
        pressure.STORE_S = 0.1
        wait_until(self.control.pressure.behind, 40, what="the control plane notices")

    def go_on(self) -> None:
        pressure.STORE_S = 120.0
        self._go.set()
        self._stuck.result(40)

    def close(self) -> None:
        self._go.set()
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(40)
        assert not self._thread.is_alive()
        self._loop.close()


@pytest.fixture
def stalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalled]:
    monkeypatch.setattr(pressure, "STORE_S", 120.0)
    made = Stalled(tmp_path)
    try:
        yield made
    finally:
        made.close()


def post(port: int, path: str, body: bytes, **headers: str) -> tuple[int, str, str]:
    """Status, Retry-After and code of an answer."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        link.request("POST", path, body, {"content-type": "application/json", **headers})
        answer = link.getresponse()
        raw = json.loads(answer.read())
        return answer.status, answer.headers.get("Retry-After", ""), raw.get("error", {}).get("code", "")
    finally:
        link.close()


def test_while_the_store_stands_still_outcomes_wait_and_the_rest_is_sent_away(stalled: Stalled) -> None:
    stalled.api.post("/v1/projects", {"name": "shop", "repo": "/nowhere.git", "branch": "main"})
    busy = Light(stalled.api, stalled.port, "busy")
    idle = Light(stalled.api, stalled.port, "idle")
    busy.beat()
    idle.beat()
    job = {"id": "n", "kind": "noop", "payload": {}}
    stalled.api.post("/v1/jobs", {"project": "shop", "jobs": [job]})
    [grant] = wait_until(lambda: busy.beat(want=1)[0], 40)
    stalled.stall()
    with ThreadPoolExecutor() as pool:
        told = pool.submit(busy.beat, done(grant))
        with pytest.raises(Refused) as refused:
            idle.beat(want=1)
        assert refused.value.args == (503, "overloaded")
        status, wait, code = post(stalled.port, "/v1/tokens", b"{}")
        assert (status, code) == (503, "overloaded") and 1 <= int(wait) <= pressure.LONGEST_S
        status, _, code = post(stalled.port, "/v1/jobs", json.dumps({"project": "shop", "jobs": [job]}).encode())
        assert (status, code) == (503, "overloaded")
        assert stalled.api.get("/v1/fleet")["agents"] == 2  # looking costs no write
        assert not told.done() and stalled.control.pressure.shed == {"beat": 1, "write": 2}
        stalled.go_on()
        _, directive = told.result(60)
    assert directive is not None and [(ack.job, ack.code) for ack in directive.acks] == [(grant.job, "")]
    assert stalled.api.get(f"/v1/jobs/{grant.job}")["state"] == "done"
    wait_until(lambda: not stalled.control.pressure.behind(), 40)
    idle.beat(want=1)


def test_the_command_line_tries_again_and_says_so(stalled: Stalled, capsys: pytest.CaptureFixture[str]) -> None:
    stalled.stall()
    with ThreadPoolExecutor() as pool:
        token = pool.submit(stalled.api.post, "/v1/tokens", {})
        wait_until(lambda: stalled.control.pressure.shed["write"], 40)
        stalled.go_on()
        assert token.result(60)["token"]
    assert "busy; trying again in" in capsys.readouterr().err


def test_a_loop_that_is_late_is_behind() -> None:
    async def main() -> None:
        found = Pressure(Backlog())
        found.start()
        assert found.behind() == 0
        found.lag = pressure.LOOP_S + 1
        with pytest.raises(Overloaded) as refused:
            found.admit("write", 7.2)
        assert refused.value.retry_after == 8
        found.stop()

    asyncio.run(main())


def test_a_long_queue_is_behind_however_young() -> None:
    backlog = Backlog()
    tickets = [backlog.enter() for _ in range(pressure.WRITES + 1)]
    found = Pressure(backlog)
    assert found.behind() >= 1
    backlog.leave(tickets[0], failed=True)
    assert found.behind() == 0 and (backlog.written, backlog.failed) == (1, 1)


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        (b'{"want": 1, "hello": {}}', True),
        (b'{"outcomes": [{}]}', False),
        (b'{"held": [{}]}', False),
        (b'{"health": []}', False),
        (b'{"draining": true}', False),
        (b"{", False),
        (b"\xff", False),
        (b"[]", False),
    ],
)
def test_only_a_beat_that_tells_nothing_can_wait(body: bytes, waits: bool) -> None:
    assert can_wait(body) is waits


def test_intervals_grow_with_the_fleet_and_first_beats_are_spread() -> None:
    assert beat_interval(100, 60_000) == 60_000
    assert beat_interval(400_000, 60_000) == 200_000
    waits = [spread(60_000, chance / 100) for chance in range(100)]
    assert min(waits) == 6_000 and 59_000 < max(waits) <= 60_000


def test_an_agent_that_was_sent_away_stays_away_and_comes_again(stalled: Stalled) -> None:
    folder = make_traversable()
    state = folder / "a1"
    words = ["run", "--name", "a1", "--state", str(state), "--work", str(folder / "work"), "--home", str(folder)]
    token = stalled.api.post("/v1/tokens", {})["token"]

    def says() -> str:
        try:
            return str(json.loads((state / "status.json").read_text())["loops"]["beat"]["state"])
        except (OSError, KeyError):
            return ""

    agent = Process("a1", [*words, "--server", stalled.api.server], folder / "a1.log", {"PADDOCK_TOKEN": token})
    try:
        wait_until(lambda: says().startswith("waiting"), 60)
        stalled.stall()
        wait_until(lambda: "staying away" in says(), 60)
        stalled.go_on()
        wait_until(lambda: says().startswith("waiting"), 60)
    finally:
        agent.stop()
        remove_tree(folder)
