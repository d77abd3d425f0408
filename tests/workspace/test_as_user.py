"""The same promises hold for an agent that is not root: the rooms' own tests, run again as an ordinary user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import paddock
from paddock.sandbox import can_reach
from paddock.sandbox.user import User

ROOMS = ("tests/sandbox", "tests/workspace", "tests/attacks")
USER = User(61234, 61234)
TESTS = Path(__file__).parent.parent
SELECTED = (
    "(test_box or test_probe or test_beneath or without_hosts or test_worktree or test_preserve or nested or closed"
    " or committed) and not pool and not [plain and not options_are_refused and not names_"
)


def python() -> str | None:
    """A Python of this version that the user can run, with the packages of this one within his reach."""
    found = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    places = [Path(found), Path(paddock.__file__), Path(pytest.__file__), TESTS]
    return found if Path(found).exists() and all(can_reach(place, USER) for place in places) else None


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is not root's already")
@pytest.mark.skipif(python() is None, reason="no Python of this version that an ordinary user can run")
def test_the_rooms_as_an_ordinary_user(traversable_tmp: Path) -> None:
    traversable_tmp.chmod(0o755)
    home = traversable_tmp / "home"
    home.mkdir()
    os.chown(home, USER.uid, USER.gid)
    packages = [str(Path(module.__file__).parent.parent) for module in (paddock, pytest) if module.__file__]
    done = subprocess.run(
        [str(python()), "-m", "pytest", "-k", SELECTED, f"--basetemp={home / 'base'}", *ROOMS],
        cwd=TESTS.parent, user=USER.uid, group=USER.gid, extra_groups=(), capture_output=True, text=True, timeout=300,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": ":".join(packages), "LC_ALL": "C.UTF-8",
             "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]
