"""What this host can fence in, found by running a box that tries to break out."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from paddock.sandbox.box import Box, Overlay, default_tools, launch
from paddock.sandbox.errors import SandboxError
from paddock.sandbox.rubbish import delete_rubbish
from paddock.sandbox.user import can_reach, job_user

PATIENCE = 20.0  # seconds; a canary takes a few hundredths of one

# The switches that keep an ordinary user from making namespaces: file, its closed value, the command that opens it.
_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


class Containment(msgspec.Struct, frozen=True):
    """`cls` is what a job may rely on; `reason` and `hint` say why not, and the command to type."""

    cls: Literal["contained", "none"]
    overlay: bool
    reason: str = ""
    hint: str = ""


# What was found last, by root.
_known: dict[Path | None, Containment] = {}


def probe(root: Path | None = None) -> Containment:
    """The containment of this host for worktrees below `root` (default: the temporary directory), as last measured."""
    known = _known.get(root)
    return measure(root) if known is None else known


def measure(root: Path | None = None) -> Containment:
    """Measures the containment anew; every later `probe` says the same."""
    found = _known[root] = _find(root)
    return found


def _find(root: Path | None) -> Containment:
    if not sys.platform.startswith("linux"):
        return Containment("none", False, f"jobs cannot be contained on {sys.platform}", "run the agent on Linux")
    base = Path(tempfile.mkdtemp(prefix="probe-", dir=root))
    base.chmod(0o711)
    try:
        return _measure(base)
    except SandboxError as error:
        return Containment("none", False, error.message, error.hint)
    finally:
        delete_rubbish(base)


def _measure(base: Path) -> Containment:
    user = job_user()
    if not can_reach(base, user):
        return Containment("none", False, f"the job user cannot reach {base.parent}", f"chmod a+x {base.parent}")
    for name in ("lower", "upper", "work", "tree"):
        (base / name).mkdir()
        if os.geteuid() == 0:
            os.chown(base / name, user.uid, user.gid)
    plain = Box(root=base, tree=base / "tree", user=user, tools=default_tools(), stage=base / "stage")
    layered = msgspec.structs.replace(plain, overlay=Overlay("lower", "upper", "work"))
    failure = _canary(layered, base)
    if not failure:
        return Containment("contained", True)
    overlay_failure, failure = failure, _canary(plain, base)
    if not failure:
        return Containment("contained", False, f"no overlays: {overlay_failure}")
    return Containment("none", False, failure, _hint(failure))


def _canary(box: Box, base: Path) -> str:
    """Why the box does not hold, or nothing."""
    secret = base / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    abstract = f"paddock-{secrets.token_hex(8)}"
    code = files("paddock.sandbox").joinpath("canary.py").read_text()
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind("\0" + abstract)
        unix.listen()
        words = [sys.executable, "-I", "-S", "-c", code, str(secret), str(tcp.getsockname()[1]), abstract]
        with launch(box, words) as ready:
            try:
                done = subprocess.run(ready.argv, **ready.options(), capture_output=True, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                return f"a box did not start within {PATIENCE:.0f} s"
    if done.returncode != 0:
        return done.stderr.decode(errors="replace").strip()[-300:] or f"a box ended with {done.returncode}"
    try:
        breaches = msgspec.json.decode(done.stdout, type=list[str])
    except msgspec.DecodeError:
        return "a box gave no answer"
    return "; ".join(breaches)


def _hint(failure: str) -> str:
    for path, closed, command in _SWITCHES:
        try:
            if Path(path).read_text().strip() == closed:
                return command
        except OSError:
            continue
    if "namespace" in failure or "Operation not permitted" in failure:
        return "run the agent outside this container, or start the container with --security-opt seccomp=unconfined"
    if os.geteuid() == 0 and "setpriv" in failure:
        return "run the agent as an ordinary user, or let root change users in this container"
    return "run `paddock doctor` for the details"
