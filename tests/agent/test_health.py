"""Health checks that a host's owner declares: how they are read, run, told and heeded."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from paddock.agent.health import Declared, Health, declared, labels
from paddock.cli import args
from paddock.core.errors import BadInput
from paddock.wire.messages import Check
from support.fleet import Fleet
from support.light import Light
from support.places import make_traversable, remove_tree
from support.wait import gone, wait_until


def test_a_check_is_an_argv_and_nothing_of_a_shell() -> None:
    one, two = declared(["disk=test -w '/my data' && rm", "advisory:load=uptime"])
    assert one == Declared(name="disk", argv=("test", "-w", "/my data", "&&", "rm"))
    assert two.advisory and two.name == "load"


@pytest.mark.parametrize("word", ["disk", "disk=", "=true", "Disk=true", "a b=true", "disk='x", "disk=''", "d=\0"])
def test_what_is_no_check_is_refused(word: str) -> None:
    with pytest.raises(BadInput, match="health"):
        declared([word])
    with pytest.raises(BadInput, match="of its own name"):
        declared(["a=true", "a=true"])
    with pytest.raises(BadInput, match="at most"):
        declared([f"c{n}=true" for n in range(21)])


def test_labels_are_pairs() -> None:
    assert labels(["zone=eu-1", "gpu", "team = a=b"]) == {"zone": "eu-1", "gpu": "", "team": "a=b"}
    for bad in ("Zone=1", "=x", "z=\x07", "k=" + "v" * 129):
        with pytest.raises(BadInput, match="label"):
            labels([bad])


def test_flags_of_lists_may_be_given_again() -> None:
    parser = args.for_verb("run", "")
    args.add_settings(parser, "labels", "health", "kinds")
    words = ["--label", "a=1,b=2", "--label", "c", "--health", "x=echo a,b", "--health", "y=true", "--kinds", "noop"]
    settings = args.settings_of(args.read(parser, words))
    assert settings.labels == ("a=1", "b=2", "c") and settings.health == ("x=echo a,b", "y=true")
    assert settings.kinds == ("noop",)


def until(checks: tuple[Declared, ...], enough: Callable[[tuple[Check, ...]], bool], timeout: float = 30) -> Health:
    """Runs the checks until what they tell is enough."""
    made: list[Health] = []

    async def main() -> None:
        told = asyncio.Event()
        health = Health(checks, 0.01, timeout, lambda stands: told.set() if enough(stands) else None)
        made.append(health)
        task = asyncio.create_task(health.run())
        async with asyncio.timeout(60):
            await told.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    return made[0]


def test_nothing_is_well_before_it_was_looked_at() -> None:
    health = Health(declared(["a=true"]), 1, 1, lambda _: None)
    assert [(check.ok, check.detail) for check in health.stands] == [(False, "has not run yet")]


def test_what_a_check_ends_with_and_says() -> None:
    os.environ["SECRET_OF_THE_AGENT"] = "x"
    script = "echo one; echo 'disk is full'; echo; exit 3"
    checks = (
        *declared(["good=true", "gone=/no/such/program"]),
        Declared(name="bad", argv=("sh", "-c", script)),
        Declared(name="mute", argv=("sh", "-c", "exit 4")),
        Declared(name="env", argv=("sh", "-c", 'test -z "$SECRET_OF_THE_AGENT" && test "$PWD" = /')),
    )
    try:
        health = until(checks, lambda stands: all(check.detail != "has not run yet" for check in stands))
    finally:
        del os.environ["SECRET_OF_THE_AGENT"]
    stands = {check.name: (check.ok, check.detail) for check in health.stands}
    assert stands["good"] == (True, "") and stands["env"] == (True, "")
    assert stands["bad"] == (False, "disk is full") and stands["mute"] == (False, "ended with 4")
    assert not stands["gone"][0] and "No such file" in stands["gone"][1]


def test_a_check_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hanging = Declared(name="hangs", argv=("sh", "-c", f"sleep 1000 & echo $! > {pid}; wait"))
    health = until((hanging,), lambda stands: "longer than 1 s" in stands[0].detail, timeout=1)
    assert not health.stands[0].ok
    child = int(pid.read_text())
    wait_until(lambda: gone(child), what="what it started has ended")


def test_a_check_that_comes_and_goes_is_told_each_time(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    seen: list[bool] = []

    def enough(stands: tuple[Check, ...]) -> bool:
        seen.append(stands[0].ok)
        flag.unlink() if stands[0].ok else flag.touch()
        return len(seen) >= 4

    until(declared([f"flag=test -e {flag}"]), enough)
    assert seen[:4] == [False, True, False, True]


def test_an_unhealthy_agent_gets_no_new_jobs_and_why_says_so() -> None:
    folder = make_traversable()
    try:
        with Fleet(folder, beat=5.0, lease=30.0) as plane:
            light = Light(plane.api, plane.port, "ill", slots=2)
            bad = (Check(name="disk", ok=False, detail="full", at=1), Check(name="load", ok=True, advisory=True))
            light.beat()
            light.post("/v1/beat", light.request(want=2, health=bad), "beat")
            job = plane.submit({"id": "n", "kind": "noop", "payload": {}})["n"]
            assert light.beat(want=2) == ((), None)
            reasons = plane.api.get(f"/v1/jobs/{job}/why")["reasons"]
            assert reasons == [{"agent": "ill", "reason": "is unhealthy: disk"}]
            [shown] = plane.api.get("/v1/agents")
            assert not shown["healthy"] and shown["health"][0]["detail"] == "full"
            assert [a["name"] for a in plane.api.get("/v1/registry?healthy=false")] == ["ill"]
            advisory = tuple(msgspec.structs.replace(check, advisory=True) for check in bad)
            granted = light.post("/v1/beat", light.request(want=2, health=advisory), "beat")
            assert job.encode() in granted
            types = [event["type"] for event in plane.api.get("/v1/journal")]
            assert types.count("agent.unhealthy") == types.count("agent.healthy") == 1
    finally:
        remove_tree(folder)


def test_a_real_agent_tells_its_labels_and_how_it_feels(tmp_path: Path) -> None:
    flag = tmp_path / "well"
    folder = make_traversable()
    try:
        with Fleet(folder, beat=5.0, lease=30.0) as plane:
            words = ["--label", "zone=a", "--health-every", "1", "--health", f"flag=test -e {flag}"]
            plane.agent("a1", more=words)

            def listed(query: str) -> list[dict[str, object]]:
                found: list[dict[str, object]] = plane.api.get(f"/v1/registry?{query}")
                return found

            wait_until(lambda: listed("label=zone%3Da&healthy=false"), 40)
            flag.touch()
            [shown] = wait_until(lambda: listed("label=zone%3Da&healthy=true"), 40)
            assert shown["labels"] == {"zone": "a"}
            plane.until(plane.submit({"id": "n", "kind": "noop", "payload": {}})["n"], "done")
    finally:
        remove_tree(folder)
