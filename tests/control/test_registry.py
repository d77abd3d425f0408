"""The registry: who is live and can do what; who stays away drops out by himself; a stream tells it as it happens."""

import asyncio
import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from paddock.control import registry
from paddock.control.presence import Presence
from paddock.control.registry import Registry, Wanted
from paddock.control.watching import MOST_WAITING, MOST_WATCHES, Watch
from paddock.core.anomalies import Standing
from paddock.core.errors import Overloaded
from paddock.core.tokens import Binding
from paddock.store.records import Agent
from paddock.wire.keys import Signer
from paddock.wire.messages import Check
from support.fleet import Fleet
from support.light import Light
from support.places import make_traversable, remove_tree

KEY = base64.b64encode(Signer(b"k" * 32, "agent").public).decode()


class Scene:
    """A registry whose time stands until it is moved; nobody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.registry = Registry(lambda: self.now)
        self._count = 0

    def agent(self, *capabilities: str, kinds: tuple[str, ...] = ("noop",), **more: Any) -> Presence:
        self._count += 1
        record = Agent(
            id=f"a{self._count:05d}",
            name=f"n{self._count}",
            public_key=KEY,
            generation=1,
            version="1",
            kinds=kinds,
            capabilities=capabilities,
            slots=2,
            containment="",
            session="s1",
            session_started=0,
            draining=False,
            created=0,
            granted={},
            channel="",
            standing=Standing.ACTIVE,
            standing_number=0,
            standing_reason="",
            roll=(0, "", ""),
            fingerprint={},
            binding=Binding.NONE,
            **{"labels": {}, "health": (), **more},
        )
        made = Presence(record)
        self.beat(made)
        return made

    def beat(self, agent: Presence, interval: int = 1_000) -> None:
        agent.last_seen, agent.interval = self.now, interval
        self.registry.note(agent)

    def ids(self, after: str = "", limit: int = 100, **asked: Any) -> list[str]:
        return [agent.agent for agent in asyncio.run(self.registry.find(Wanted(**asked), after, limit))[0]]


def well(ok: bool, **more: Any) -> tuple[Check, ...]:
    return (Check(name="disk", ok=ok, **more),)


def test_every_word_of_a_question_must_hold() -> None:
    scene = Scene()
    a = scene.agent("python", "git", labels={"zone": "a", "gpu": ""}).agent
    b = scene.agent("python", kinds=("noop", "command"), labels={"zone": "b"}).agent
    c = scene.agent("go", labels={"zone": "a"}, health=well(False)).agent
    d = scene.agent("go", health=well(False, advisory=True)).agent
    assert scene.ids() == [a, b, c, d]
    assert scene.ids(capabilities=frozenset({"python"})) == [a, b]
    assert scene.ids(capabilities=frozenset({"python", "git"})) == [a]
    assert scene.ids(kinds=frozenset({"noop", "command"})) == [b]
    assert scene.ids(labels=(("zone", "a"),)) == [a, c]
    assert scene.ids(labels=(("zone", None),)) == [a, b, c]
    assert scene.ids(labels=(("zone", "a"), ("gpu", None))) == [a]
    assert scene.ids(healthy=True) == [a, b, d] and scene.ids(healthy=False) == [c]
    assert scene.ids(kinds=frozenset({"change.merge"})) == []


def test_who_stays_away_drops_out_by_himself_and_comes_back_with_a_beat() -> None:
    scene = Scene()
    one, two = scene.agent("x"), scene.agent("x")
    both = scene.registry.state
    scene.now += 2_000
    scene.beat(two)
    scene.now += 1_001
    assert scene.ids() == [two.agent] and scene.ids(capabilities=frozenset({"x"})) == [two.agent]
    assert scene.registry.state != both and len(scene.registry) == 1
    scene.beat(one)
    assert scene.ids() == [one.agent, two.agent] and scene.registry.state == both
    scene.now += 60_000
    assert scene.ids() == [] and scene.registry.state == 0


def test_a_page_ends_where_the_next_begins_whatever_came_and_went() -> None:
    scene = Scene()
    everyone = [scene.agent("even" if n % 2 else "odd") for n in range(50)]
    found: list[str] = []
    while len(found) < 50:
        found += scene.ids(after=found[-1] if found else "", limit=7)
    assert found == sorted(agent.agent for agent in everyone)
    scene.now += 2_000
    for agent in everyone[10:]:
        scene.beat(agent)
    scene.now += 1_500
    late = scene.agent("even").agent
    for agent in everyone[:5]:
        scene.beat(agent)
    assert scene.ids() == [agent.agent for agent in (*everyone[:5], *everyone[10:])] + [late]
    page, at = scene.registry.page(Wanted(), "", 45)
    assert len(page) == 45 and at == page[-1].agent


def test_one_page_looks_at_so_many_agents_and_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LOOK", 10)
    scene = Scene()
    everyone = [scene.agent("x", labels={"n": str(n)}) for n in range(35)]
    assert scene.registry.page(Wanted(labels=(("n", "34"),)), "", 9) == ([], everyone[9].agent)
    assert scene.ids(labels=(("n", "34"),)) == [everyone[34].agent]
    everyone[33].feels(well(False))
    scene.beat(everyone[33])
    assert scene.registry.page(Wanted(healthy=False), "", 9) == ([everyone[33]], None)
    assert scene.ids(healthy=False, kinds=frozenset({"command"})) == []


def test_what_an_agent_says_of_itself_moves_it_and_changes_the_state() -> None:
    scene = Scene()
    one = scene.agent("x", labels={"zone": "a"})
    states = {scene.registry.state}
    one.feels(well(False))
    scene.beat(one)
    states.add(scene.registry.state)
    assert one.ailing == "disk" and scene.ids(healthy=True) == []
    one.draining = True
    scene.beat(one)
    states.add(scene.registry.state)
    one.capabilities = frozenset({"y"})
    one.listed = False
    scene.beat(one)
    states.add(scene.registry.state)
    assert scene.ids(capabilities=frozenset({"x"})) == [] and scene.ids(capabilities=frozenset({"y"})) == [one.agent]
    assert len(states) == 4
    scene.beat(one)
    assert scene.registry.state in states  # a beat that says nothing new is no news


def told(watch: Watch) -> list[tuple[str, str]]:
    return [(what, agent.agent) for what, agent, _ in watch.take()]


def test_a_watch_tells_who_joins_changes_and_leaves() -> None:
    async def main() -> None:
        scene = Scene()
        old = scene.agent("x")
        watch = scene.registry.watch(Wanted(capabilities=frozenset({"x"}), healthy=True))
        assert watch.lost and told(watch) == []
        watch.begin()
        watch.show([old], old.agent)
        later = scene.agent("x")  # it comes later in the very same snapshot
        watch.show([later], None)
        assert told(watch) == []
        new, other = scene.agent("x"), scene.agent("y")
        new.draining = True
        scene.beat(new)
        old.feels(well(False))
        scene.beat(old)
        scene.beat(other)
        assert told(watch) == [("joined", new.agent), ("changed", new.agent), ("left", old.agent)]
        scene.now += 2_500
        scene.beat(new)
        scene.now += 1_000
        scene.registry.sweep()
        assert told(watch) == [("left", later.agent)]
        scene.registry.unwatch(watch)

    asyncio.run(main())


def test_a_watch_that_falls_behind_starts_anew_and_watches_are_bounded() -> None:
    async def main() -> None:
        scene = Scene()
        watch = scene.registry.watch(Wanted())
        watch.begin()
        watch.show([], None)
        for _ in range(MOST_WAITING + 1):
            scene.agent("x")
        assert watch.lost and watch.ready.is_set() and told(watch) == []
        scene.registry.unwatch(watch)
        with pytest.raises(Overloaded):
            Watch(lambda _: True, MOST_WATCHES)

    asyncio.run(main())


class Stream:
    """A watch over HTTP."""

    def __init__(self, plane: Fleet, query: str, **headers: str) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=40)
        self._link.request("GET", f"/v1/registry/watch?{query}", headers=headers)
        self.answer = self._link.getresponse()

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event and its data."""
        name = ""
        while line := self.answer.readline().decode().rstrip("\n"):
            pass
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                return name, json.loads(line[6:])

    def close(self) -> None:
        self.answer.close()
        self._link.close()


@pytest.fixture(scope="module")
def quick() -> Iterator[Fleet]:
    """A control plane whose agents are gone after three seconds."""
    folder = make_traversable()
    try:
        with Fleet(folder, beat=0.5, lease=30.0) as made:
            yield made
    finally:
        remove_tree(folder)


def raw(plane: Fleet, query: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request("GET", f"/v1/registry?{query}", headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = link.getresponse()
        body = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.loads(body) if body else None
    finally:
        link.close()


def test_the_registry_over_http(plane: Fleet) -> None:
    one, two = Light(plane.api, plane.port, "reg-1", slots=3), Light(plane.api, plane.port, "reg-2")
    one.hello = msgspec.structs.replace(one.hello, capabilities=("rare",), labels={"zone": "a"}, health=well(True))
    two.hello = msgspec.structs.replace(two.hello, capabilities=("rare",), health=well(False, detail="full", at=7))
    assert raw(plane, "capability=rare")[2] == []
    one.beat(want=3)
    two.beat()
    status, headers, found = raw(plane, "capability=rare&kind=noop")
    assert status == 200 and [agent["name"] for agent in found] == ["reg-1", "reg-2"]
    assert set(found[0]) == {
        *("id", "name", "kinds", "capabilities", "labels", "healthy", "health", "draining", "version"),
        *("slots", "running", "free", "last_beat", "expires_at", "endpoints"),
    }
    assert (found[0]["free"], found[0]["running"], found[0]["labels"]) == (3, 0, {"zone": "a"})
    assert found[1]["health"] == [{"name": "disk", "ok": False, "detail": "full", "at": 7, "advisory": False}]
    assert found[0]["last_beat"] < found[0]["expires_at"]
    assert [a["name"] for a in raw(plane, "capability=rare&healthy=false")[2]] == ["reg-2"]
    assert [a["name"] for a in raw(plane, "label=zone%3Da&capability=rare")[2]] == ["reg-1"]
    first = raw(plane, "capability=rare&limit=1")
    assert [a["name"] for a in first[2]] == ["reg-1"] and first[1]["paddock-next"] == one.agent
    assert [a["name"] for a in raw(plane, f"capability=rare&limit=1&after={one.agent}")[2]] == ["reg-2"]
    assert raw(plane, "", if_none_match=headers["etag"])[0] == 304
    plane.api.post(f"/v1/agents/{one.agent}/drain", {"draining": True})
    status, _, found = raw(plane, "label=zone", if_none_match=headers["etag"])
    assert status == 200 and found[0]["draining"]


@pytest.mark.parametrize("query", ["healthy=perhaps", "limit=0", "limit=x", "limit=1001", "capability=", "label="])
def test_a_question_that_makes_no_sense_is_refused(plane: Fleet, query: str) -> None:
    status, _, told = raw(plane, query)
    assert status == 400 and told["error"]["where"]


def test_expiry_alone_tells_a_watcher_that_an_agent_is_gone(quick: Fleet) -> None:
    one = Light(quick.api, quick.port, "w-1")
    one.hello = msgspec.structs.replace(one.hello, capabilities=("watched",))
    one.beat()
    stream = Stream(quick, "capability=watched", **{"Last-Event-ID": "0000000000000000"})
    try:
        what, told = stream.next()
        assert what == "snapshot" and [agent["id"] for agent in told["agents"]] == [one.agent] and not told["more"]
        two = Light(quick.api, quick.port, "w-2")
        two.hello = msgspec.structs.replace(two.hello, capabilities=("watched",))
        two.beat()
        seen = [stream.next() for _ in range(3)]
    finally:
        stream.close()
    assert [(what, told["name"]) for what, told in seen] == [("joined", "w-2"), ("left", "w-1"), ("left", "w-2")]
    assert raw(quick, "capability=watched")[2] == []
