"""The one way git is run outside a box: rebuilt environment, our own configuration, a deadline, bounded output."""

import os
import re
import subprocess
import threading
from importlib.resources import files
from pathlib import Path

from paddock.sandbox import User, program
from paddock.workspace.errors import BadRef, GitFailed, GitTimeout

TIMEOUT = 120.0  # seconds, for commands on this host
NETWORK_TIMEOUT = 900.0  # seconds, for fetch and push
OUTPUT_LIMIT = 64 << 20  # bytes
_SWITCHES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "core.quotePath=false",
)
# What ssh, proxies and credential files need to work for a remote; nothing else of our environment reaches git.
_REMOTE_ENV = (
    "HOME",
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"[A-Za-z0-9_.+@=#%,/-]+")


def environment(*, remote: bool = False) -> dict[str, str]:
    """The whole environment of a git command."""
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(files("paddock.workspace").joinpath("gitconfig")),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ATTR_NOSYSTEM": "1",
    }
    if remote:
        env |= {name: os.environ[name] for name in _REMOTE_ENV if name in os.environ}
    return env


def check_ref(name: str) -> str:
    """`name` when git can take it as a branch, tag or commit and never as an option; else BadRef."""
    bad = not _REF.fullmatch(name) or name.startswith(("-", "/", ".")) or name.endswith(("/", ".", ".lock"))
    if bad or ".." in name or "//" in name or "@{" in name or "/." in name:
        raise BadRef(f"{name!r} is not a branch or commit name git can use")
    return name


def is_commit(name: str) -> bool:
    """Whether `name` is a full commit id."""
    return _COMMIT.fullmatch(name) is not None


class Done:
    """A finished git command."""

    def __init__(self, code: int, out: bytes, err: str, cut: bool) -> None:
        self.code = code
        self.out = out
        self.err = err
        self.cut = cut  # whether `out` stops at the limit

    @property
    def text(self) -> str:
        return self.out.decode(errors="surrogateescape").strip()


def run(
    *args: str,
    git_dir: Path | None = None,
    cwd: Path | None = None,
    stdin: bytes | int = b"",
    env: dict[str, str] | None = None,
    remote: bool = False,
    timeout: float = 0,
    limit: int = OUTPUT_LIMIT,
    user: User | None = None,
) -> Done:
    """Run `git args` to its end whatever its exit code; GitTimeout after `timeout` seconds (0: the default).

    `stdin` is bytes or a descriptor to read. Output beyond `limit` bytes is dropped and the command ended.
    """
    words = [program("git"), *(word for switch in _SWITCHES for word in ("-c", switch))]
    words += [f"--git-dir={git_dir}"] if git_dir is not None else []
    source = stdin if isinstance(stdin, int) else _memory(stdin)
    errors = _memory(b"")
    try:
        process = subprocess.Popen(
            [*words, *args],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=cwd or "/",
            umask=0o022,
            env=environment(remote=remote) | (env or {}),
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=() if user else None,
        )
        return _finish(process, errors, timeout or (NETWORK_TIMEOUT if remote else TIMEOUT), limit, args)
    finally:
        os.close(errors)
        if not isinstance(stdin, int):
            os.close(source)


def git(*args: str, git_dir: Path | None = None, stdin: bytes | int = b"", env: dict[str, str] | None = None) -> str:
    """Run git on this host and give its output; GitFailed with git's own words when it fails."""
    done = run(*args, git_dir=git_dir, stdin=stdin, env=env)
    if done.code != 0:
        raise GitFailed(f"git {args[0]} failed: {last_words(done.err)}")
    return done.text


def last_words(text: str) -> str:
    """The line of git's messages that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote: error"))]
    return (telling or lines or ["it gave no reason"])[0][:300]


def _memory(content: bytes) -> int:
    fd = os.memfd_create("git")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _finish(process: "subprocess.Popen[bytes]", errors: int, timeout: float, limit: int, args: tuple[str, ...]) -> Done:
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        with process:
            stream = process.stdout
            out = stream.read(limit + 1) if stream else b""
            if len(out) > limit:
                _kill(process)
    finally:
        timer.cancel()
    if expired.is_set():
        raise GitTimeout(f"git {args[0]} did not end within {timeout:.0f} s")
    size = os.fstat(errors).st_size
    words = os.pread(errors, 1 << 16, max(0, size - (1 << 16))).decode(errors="replace")
    return Done(process.returncode, out[:limit], words, len(out) > limit)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the command and what it started: it leads a process group of its own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            return
