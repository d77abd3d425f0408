"""The box: one job's view of the host, built from a description into a command vector."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from paddock.sandbox import cgroup, seccomp
from paddock.sandbox.egress import entry_code
from paddock.sandbox.egress_upstream import PORT
from paddock.sandbox.errors import NotContained, SandboxError
from paddock.sandbox.launch import Launch, sealed
from paddock.sandbox.limits import Ceiling, flags
from paddock.sandbox.user import User, can_reach

RUN_LABEL = "PADDOCK_RUN"
WORKSPACE = Path("/workspace")
INNER = User(1000, 1000)
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
TMP = "/tmp"  # noqa: S108 (of the box: a tmpfs of its own)
HOME = f"{TMP}/home"
TMP_BYTES = 4 << 30

_FENCE = (
    "--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try --disable-userns "
    f"--uid {INNER.uid} --gid {INNER.gid} --hostname paddock --cap-drop ALL --die-with-parent --new-session"
).split()
_FRESH = (
    f"--proc /proc --dev /dev --perms 1777 --size {TMP_BYTES} --tmpfs /tmp --dir {HOME} "
    "--dir /var --symlink ../tmp /var/tmp"
).split()
_ROOT_LINKS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "ssl", "pki", "ca-certificates")
_FILES = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\njob:x:1000:1000:job:/tmp/home:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "/etc/group": b"root:x:0:\njob:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": b"127.0.0.1 localhost paddock\n::1 localhost\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
}
_PLAIN = re.compile(r"[A-Za-z0-9_./+@=-]+")


class Overlay(msgspec.Struct, frozen=True):
    """Layers of a worktree, as paths relative to the box's `root` (mount options cannot quote)."""

    lower: str
    upper: str
    work: str


class Bind(msgspec.Struct, frozen=True):
    """`source` on the host, seen as `target` in the box."""

    source: Path
    target: Path
    writable: bool = False


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """What a job sees. Binds are made in their order, after the worktree and the tools."""

    root: Path  # where the outer command starts; overlay paths are relative to it
    tree: Path  # the directory seen at /workspace; the mountpoint when there is an overlay
    user: User
    overlay: Overlay | None = None
    binds: tuple[Bind, ...] = ()
    tools: tuple[Path, ...] = ()  # read-only prefixes, visible at their own path
    stage: Path | None = None  # where mountpoints may be made for what `user` cannot reach
    env: dict[str, str] = {}
    # Small files of its own that only the job's user can read, by path; they touch no disk.
    files: Mapping[str, bytes] = {}
    label: str = ""  # names the run in every process of it, from the first one on
    cwd: Path = WORKSPACE
    # What it reads on its standard input; nothing when None.
    stdin: bytes | None = None
    # The far end of a run's `Egress`, for a box that has a way out.
    way_out: int | None = None
    ceiling: Ceiling = Ceiling()
    # Whether its launch reports whether the job was ever started.
    reports: bool = False


def default_tools() -> tuple[Path, ...]:
    """The prefixes of the running Python: its environment, and the installation behind it."""
    return dedupe([Path(sys.prefix), Path(sys.base_prefix)])


def dedupe(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Absolute existing prefixes in their order, without those already visible under /usr or under another one."""
    kept: list[Path] = []
    for path in paths:
        for candidate in dict.fromkeys((path.absolute(), path.resolve())):
            seen = any(candidate.is_relative_to(other) for other in (Path("/usr"), *kept))
            if candidate.is_dir() and not seen:
                kept.append(candidate)
    return tuple(kept)


def search_path(tools: Iterable[Path]) -> str:
    """PATH of a job: its tools first, then the system's."""
    return ":".join([*(str(tool / "bin") for tool in tools), *SYSTEM_PATH])


@cache
def program(name: str) -> str:
    """Absolute path of a program of the host, never looked up in a job's or a user's PATH."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise NotContained(f"{name} is not installed on this host", hint=f"apt-get install {_package(name)}")
    return found


def _package(name: str) -> str:
    return {"bwrap": "bubblewrap", "git": "git"}.get(name, "util-linux")


def job_env(env: dict[str, str], tools: Iterable[Path]) -> dict[str, str]:
    """The whole environment of a job: a few fixed names and what the caller gives; nothing is inherited."""
    fixed = {"PATH": search_path(tools), "HOME": HOME, "TMPDIR": TMP, "LANG": "C.UTF-8", "USER": "job"}
    return fixed | env


def arguments(box: Box, data: dict[str, int], hidden: dict[Path, Path] | None = None) -> list[str]:
    """bwrap's arguments for `box`; `data` maps a file of the box to the descriptor its text is read from.

    `hidden` maps what the job's user cannot reach to the mountpoint where the stage put it.
    """
    moved = hidden or {}
    out = [*_FENCE, *_system_root()]
    for target, fd in data.items():
        out += [*(["--perms", "0400"] if target in box.files else []), "--ro-bind-data", str(fd), target]
    out += _FRESH
    for tool in box.tools:
        out += ["--ro-bind", str(moved.get(tool, tool)), str(tool)]
    out += ["--bind", str(box.tree), str(WORKSPACE)]
    for bind in box.binds:
        flag = "--bind" if bind.writable else "--ro-bind"
        out += [flag, str(moved.get(bind.source, bind.source)), str(bind.target)]
    out += ["--remount-ro", "/", "--chdir", str(box.cwd)]
    for name, value in job_env(box.env, box.tools).items():
        out += ["--setenv", name, value]
    return out


@cache
def _system_root() -> tuple[str, ...]:
    """The host's programs and libraries, read-only, and the few files of /etc that programs need to start."""
    out = ["--ro-bind", "/usr", "/usr"]
    for path in (Path("/", name) for name in _ROOT_LINKS):
        if path.is_symlink():
            out += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            out += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        out += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return tuple(out)


def _unreachable(box: Box) -> list[Path]:
    """Sources the job's user cannot walk to; only root can lend them."""
    if os.geteuid() != 0:
        return []
    sources = [*box.tools, *(bind.source for bind in box.binds)]
    return [source for source in dict.fromkeys(sources) if not can_reach(source, box.user)]


def _mountpoints(box: Box, sources: Sequence[Path]) -> dict[Path, Path]:
    """A mountpoint of the right type for each source, made in the box's stage directory."""
    if not sources:
        return {}
    if box.stage is None:
        raise NotContained(f"this host cannot contain the job: {sources[0]} is out of the job user's reach")
    box.stage.mkdir(exist_ok=True)
    box.stage.chmod(0o711)
    points: dict[Path, Path] = {}
    for number, source in enumerate(sources):
        point = box.stage / str(number)
        if source.is_dir():
            point.mkdir(exist_ok=True)
        else:
            point.touch()
        points[source] = point
    return points


def _steps(box: Box, hidden: dict[Path, Path]) -> list[str]:
    steps: list[str] = []
    if box.overlay is not None:
        layers = (box.overlay.lower, box.overlay.upper, box.overlay.work)
        for layer in layers:
            if not _PLAIN.fullmatch(layer):
                raise SandboxError(f"a layer cannot be mounted from {layer!r}")
        steps += ["overlay", *layers, str(box.tree)]
    for source, point in hidden.items():
        steps += ["bind", str(source), str(point)]
    return steps


def stage_vector(box: Box, hidden: dict[Path, Path], *, root: bool) -> list[str]:
    """The part of the vector before bwrap: limits, mounts, and for root the way down to the job's user."""
    entered = cgroup.groups(box.label, box.ceiling) if box.label else []
    bounded = any((group / name).exists() for group in entered for name in cgroup.MEMORY)
    vector = [program("prlimit"), *flags(box.ceiling, grouped=bounded), "--"]
    steps = [*_steps(box, hidden), *(word for group in entered for word in ("group", str(group)))]
    if steps:
        rights = [] if root else ["--user", "--map-root-user"]
        vector += [program("unshare"), *rights, "--mount", "--propagation", "private", "--"]
        vector += ["/bin/sh", str(files("paddock.sandbox").joinpath("stage.sh")), *steps, "--"]
    if root:
        vector += [
            program("setpriv"),
            "--reuid",
            str(box.user.uid),
            "--regid",
            str(box.user.gid),
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--",
        ]
    return vector


def launch(box: Box, argv: Sequence[str]) -> Launch:
    """`argv` in `box`, ready to spawn; NotContained when the host lacks a part, SandboxError for a bad description."""
    root = os.geteuid() == 0
    if box.user.uid == 0:
        raise SandboxError("a job never runs as root")
    hidden = _mountpoints(box, _unreachable(box))
    vector = [*stage_vector(box, hidden, root=root), program("bwrap")]
    data = {target: sealed("etc", text) for target, text in {**_FILES, **box.files}.items()}
    words = b"".join(os.fsencode(word) + b"\0" for word in arguments(box, data, hidden))
    args, calls = sealed("box", words), sealed("calls", seccomp.program())
    vector += ["--args", str(args), "--seccomp", str(calls), *_label(box)]
    report = os.pipe() if box.reports else None
    if report is not None:
        vector += ["--json-status-fd", str(report[1])]
    vector += ["--", *_entry(box), *argv]
    links = () if box.way_out is None else (box.way_out,)
    fds = (args, calls, *data.values())
    stdin = None if box.stdin is None else sealed("stdin", box.stdin)
    return Launch(vector, env={}, cwd=box.root, fds=fds, links=links, report=report, stdin=stdin, contained=True)


def started(report: bytes) -> bool:
    """Whether the job itself was started, as the report of a box that has ended says."""
    return b'"exit-code"' in report


def _entry(box: Box) -> list[str]:
    """What runs before the job in a box that has a way out; the running Python must be among its tools."""
    if box.way_out is None:
        return []
    return [sys.executable, "-I", "-S", "-c", entry_code(), str(box.way_out), str(PORT)]


def _label(box: Box) -> list[str]:
    return ["--setenv", RUN_LABEL, box.label] if box.label else []


def uncontained(box: Box, argv: Sequence[str], *, degraded: bool) -> Launch:
    """`argv` without a box: the job's user, a rebuilt environment, its own process group, and nothing more.

    Refused with NotContained unless the caller says that both the job and the host's policy allow it.
    """
    if not degraded:
        raise NotContained("this host cannot contain the job, and nothing allows it to run uncontained")
    env = job_env({"HOME": "/nonexistent"} | box.env, box.tools) | {RUN_LABEL: box.label}
    user = box.user if os.geteuid() == 0 else None
    return Launch(argv, env=env, cwd=box.tree, user=user, contained=False)
