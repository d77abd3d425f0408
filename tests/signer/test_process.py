"""The signer beside a served control plane: alone with the keys, bounded, started again, and worth waiting for."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet import Fleet
from support.places import make_traversable, remove_tree
from support.wait import gone, wait_until

JOBS = 120


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    folder = make_traversable()
    try:
        maximum = folder / "maximum.toml"
        maximum.write_text('hosts = ["pypi.org:443"]\n[project.shop]\nfiles = ["src/**"]\n')
        maximum.chmod(0o644)
        (folder / "home").mkdir(mode=0o700)
        (folder / "home" / "paddock.toml").write_text(f'maximum = "{maximum}"\n')
        with Fleet(folder, beat=0.5, lease=20) as made:
            made.agent("a1", slots=8)
            yield made
    finally:
        remove_tree(folder)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(fleet: Fleet) -> tuple[int, int, int]:
    """The control plane, the keeper and the signer that it keeps now."""
    assert fleet.control is not None
    [keeper] = children(fleet.control.popen.pid)
    wait_until(lambda: children(keeper), what="there is a signer")
    return fleet.control.popen.pid, keeper, children(keeper)[0]


def holds(pid: int, secret: bytes) -> bool:
    """Whether a process has these bytes anywhere in its memory."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                memory.seek(int(found[1], 16))
                with contextlib.suppress(OSError):
                    if secret in memory.read(int(found[2], 16) - int(found[1], 16)):
                        return True
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads other processes' memory")
def test_no_process_but_the_signer_has_the_keys(fleet: Fleet) -> None:
    fleet.until(fleet.submit({"id": "signed", "kind": "noop", "payload": {}, "scope": INSIDE})["signed"], "done")
    control, keeper, signer = processes(fleet)
    secrets = [path.read_bytes() for path in (fleet.home / "keys").glob("*.key")]
    assert len(secrets) == 2
    for secret in secrets:
        assert [holds(pid, secret) for pid in (control, keeper, signer)] == [False, False, True]
    for path in fleet.home.rglob("*"):
        if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
            status = path.stat()
            assert (path.suffix, status.st_mode & 0o777) == (".key", 0o600) and status.st_uid != 0
    facts = Path(f"/proc/{control}/status").read_text()
    powers = int(re.findall(r"CapEff:\s+([0-9a-f]+)", facts)[0], 16)
    assert powers & ~(1 << 10 | 1 << 24) == 0, "it could read other users' files and processes"
    assert Path(f"/proc/{signer}").stat().st_uid in (0, 60818)
    health = fleet.api.get("/v1/health")["signer"]
    assert health["apart"] and health["trouble"] == "" and health["maximum"].endswith("maximum.toml")
    assert "a process of its own user" in fleet.cli("doctor").stdout


INSIDE = {"files": {"write": ["src/**"]}}


def test_a_job_beyond_the_maximum_is_refused_by_the_signer_alone(fleet: Fleet) -> None:
    wide = {"files": {"write": ["src/**"]}, "hosts": ["evil.test:443"]}
    jobs = fleet.submit(
        {"id": "fine", "kind": "noop", "payload": {}, "scope": INSIDE},
        {"id": "wide", "kind": "noop", "payload": {}, "scope": wide},
        {"id": "all", "payload": {"argv": ["touch", "README.md"]}},
    )
    assert fleet.until(jobs["fine"])["state"] == "done"
    for name, why in (("wide", "hosts: evil.test:443"), ("all", "files: **")):
        shown = fleet.until(jobs[name], "refused")
        assert (shown["reason"], shown["attempts"][-1]["code"]) == ("above_maximum", "above_maximum")
        assert why in str(shown["attempts"][-1])
    assert fleet.api.get("/v1/agents")[0]["standing"] == "active"


def test_nothing_is_lost_when_the_signer_is_killed_again_and_again(fleet: Fleet) -> None:
    listed = [{"id": f"n{at}", "kind": "noop", "payload": {}, "scope": INSIDE} for at in range(JOBS)]
    for part in range(0, JOBS, 40):
        fleet.submit(*listed[part : part + 40], name="load")
        os.kill(processes(fleet)[2], signal.SIGKILL)
    wait_until(lambda: len(done(fleet)) >= JOBS, 60, what="all jobs are done")
    shown = done(fleet)
    assert len(shown) == JOBS and {job["attempt"] for job in shown} == {1}


def done(fleet: Fleet) -> list[dict[str, object]]:
    return [job for job in fleet.api.get("/v1/jobs?state=done&limit=1000") if str(job["name"]).startswith("n")]


def test_jobs_wait_for_a_signer_that_does_not_answer_and_people_are_told(fleet: Fleet) -> None:
    signer = processes(fleet)[2]
    os.kill(signer, signal.SIGSTOP)
    try:
        job = fleet.submit({"id": "waits", "kind": "noop", "payload": {}, "scope": INSIDE})["waits"]
        wait_until(lambda: fleet.api.get("/v1/fleet")["signer"]["trouble"], what="it is noticed")
        assert "the signer does not answer: jobs wait" in fleet.cli("fleet").stdout
        assert fleet.cli("doctor").stdout.count("jobs wait") <= 1
        assert fleet.job(job)["state"] in ("ready", "leased")
    finally:
        os.kill(signer, signal.SIGCONT)
    assert fleet.until(job)["state"] == "done"
    wait_until(lambda: fleet.api.get("/v1/health")["ok"], what="all is well again")


def test_a_control_plane_whose_keeper_is_gone_ends_and_says_so(fleet: Fleet) -> None:
    _, keeper, signer = processes(fleet)
    os.kill(keeper, signal.SIGKILL)
    assert fleet.control is not None and fleet.control.popen.wait(40) == 1
    assert "the process that keeps the signer has ended" in fleet.control.log.read_text().lower()
    wait_until(lambda: gone(signer), what="the signer has ended with it")
    fleet.start_control()
    job = fleet.submit({"id": "after", "kind": "noop", "payload": {}, "scope": INSIDE})["after"]
    assert fleet.until(job)["state"] == "done"
