"""`./dev chaos` as a user types it: what it says where it cannot be had, and what it leaves behind: nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos import network

ROOT = Path(__file__).parents[2]
CHAOS = [sys.executable, "-m", "chaos"]
# Root without the rights to make a network; somebody who is not root has none of them anyway.
POWERLESS = ["setpriv", "--bounding-set=-net_admin,-sys_admin"] if os.geteuid() == 0 else []


def chaos(*words: str, before: list[str] | None = None, path: str = "") -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(
        [*(before or []), *CHAOS, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def test_where_no_network_can_be_made_it_says_what_to_type() -> None:
    done = chaos("scale", "--minutes", "3", before=POWERLESS)
    assert (done.returncode, done.stdout) == (2, "")
    assert "sudo ./dev chaos scale --minutes 3" in done.stderr and "Traceback" not in done.stderr


def test_programs_that_are_missing_are_named_with_their_packages(tmp_path: Path) -> None:
    done = chaos("scale", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing: ip, nsenter, setpriv, git, bwrap; type: apt-get install -y bubblewrap git iproute2" in done.stderr


@pytest.mark.parametrize("words", [["scale", "--minutes", "soon"], ["weather"]])
def test_bad_input(words: list[str]) -> None:
    done = chaos(*words)
    assert (done.returncode, done.stdout) == (2, "") and "usage: ./dev chaos" in done.stderr


def test_an_interrupt_leaves_nothing_behind() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([*CHAOS, "scale", "--seed", "6"], cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        run, said = "", ""
        for line in process.stderr:
            said += line
            if "the network stands" in line:
                run = line.split(" on the bridge pkc")[1][:6]
            if "fault 1:" in line:
                process.send_signal(signal.SIGINT)
        if os.geteuid():  # it was said what to type, which the test above asks for
            assert process.wait(60) == 2
            return
        assert process.wait(60) == 130, said
        assert process.stdout.read() == "" and "interrupted; tidying up" in said
        assert run and run not in network.runs() and not Path("/tmp", f"paddock-chaos-{run}").exists()  # noqa: S108
        assert process.pid not in network.pids(run)
