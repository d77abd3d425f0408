"""Everything goes wrong at once, and every task is done exactly once in effect."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitnative.fleets import refs_of, remote_with
from support.repos import Repo
from support.wait import wait_until

TASKS, AGENTS, KILLS, STALE_S = 4, 3, 5, 0.3
WORKER = Path(__file__).with_name("chaos_worker.py")
# A third of all pushes fails, whatever they are.
MOODS = """\
#!/bin/sh
cat > /dev/null
[ $(($(od -An -N2 -tu2 /dev/urandom) % 3)) -ne 0 ] || { echo "not today" >&2; exit 1; }
"""


class Worker:
    """An agent whose clock is wrong; each has a host of its own."""

    def __init__(self, repo: Repo, folder: Path, number: int) -> None:
        skew = (number - 1) * 3_600
        words = [str(repo.path), str(folder / f"host-{number}"), f"agent-{number}", str(skew), str(STALE_S)]
        self._argv = [sys.executable, str(WORKER), *words]
        self._log = folder / f"worker-{number}.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._argv, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def workers(repo: Repo, folder: Path) -> Iterator[list[Worker]]:
    running = [Worker(repo, folder, number) for number in range(AGENTS)]
    try:
        yield running
    finally:
        for worker in running:
            worker.kill()


def messages(repo: Repo) -> list[str]:
    return repo.git("log", "--format=%s", "--glob=refs/paddock/claims").splitlines()


def test_killed_agents_a_moody_remote_and_wrong_clocks_double_nothing_and_lose_nothing(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", TASKS)
    hook = repo.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(MOODS)
    hook.chmod(0o755)
    rng = random.Random(7)
    with workers(repo, tmp_path) as running:
        for _ in range(KILLS):
            # Somewhere after the next claim, renewal or completion that the remote has taken.
            before = len(refs_of(repo)), len(messages(repo)) if refs_of(repo) else 0

            def moved(then: tuple[int, int] = before) -> bool:
                return (len(refs_of(repo)), len(messages(repo)) if refs_of(repo) else 0) != then or finished(repo)

            wait_until(moved, 60, what="something happens")
            victim = rng.choice(running)
            victim.kill()
            victim.start()
        wait_until(lambda: finished(repo), 90, what="every task is done")
    said = messages(repo)
    done = [line.rsplit("/", 1)[1] for line in said if line.startswith("[AGENT-COMPLETE]")]
    assert sorted(done) == [f"TASK-{n:03}" for n in range(1, TASKS + 1)]
    refs = refs_of(repo)
    for number in range(1, TASKS + 1):
        key = f"shop/TASK-{number:03}"
        assert refs[f"refs/paddock/done/{key}"] == refs[f"refs/paddock/claims/{key}"]
    assert repo.git("fsck", "--strict", "--no-dangling", check=False) == ""


def finished(repo: Repo) -> bool:
    return sum("/done/" in ref for ref in refs_of(repo)) == TASKS
