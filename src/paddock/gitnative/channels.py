"""The ways to a remote: a repository on this host, ssh, git's own port, http."""

import base64
import http.client
import os
import select
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from paddock.gitnative import gitrun, pktline
from paddock.gitnative.errors import GitUnreachable
from paddock.gitnative.protocol import (
    Decide,
    Exchange,
    Push,
    Report,
    Unusual,
    Wire,
    commands,
    read_refs,
    read_report,
    talk,
)

# Seconds for one exchange, whatever the remote does.
PATIENCE = 60.0
GIT_PORT = 9418
_CHUNK = 1 << 16
T = TypeVar("T")
QUICK = ("-c", "receive.autogc=false", "-c", "core.alternateRefsCommand=true")


def exchange(url: str, decide: Decide) -> Exchange:
    """One exchange with the remote at `url`.

    Raises: GitUnreachable; Unusual when only a git process can talk to it.
    """
    try:
        return _exchange(url, decide)
    except (OSError, pktline.Broken, http.client.HTTPException) as error:
        raise GitUnreachable(f"{shown(url)} cannot be reached: {error or type(error).__name__}") from None


def _exchange(url: str, decide: Decide) -> Exchange:
    path = local_path(url)
    if path is not None:
        # The server is ours to start: no claim pays for its housekeeping, nor for counting all refs a second time.
        words = [gitrun.program(), *QUICK, "receive-pack", str(path)]
        with spawned(words, owner_of(path)) as pipe:
            return told(pipe, lambda wire: talk(wire, decide))
    parts = urlsplit(url)
    if parts.scheme == "git":
        with _socket(parts.hostname or "", parts.port or GIT_PORT, parts.path) as wire:
            return talk(wire, decide)
    if parts.scheme in ("http", "https"):
        return _over_http(url, decide)
    words = _ssh(url)
    if not words:
        raise Unusual
    with spawned(words, None) as pipe:
        return told(pipe, lambda wire: talk(wire, decide))


def shown(url: str) -> str:
    """An address without the secrets in it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc or not parts.scheme:
        return url
    return url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)


def local_path(url: str) -> Path | None:
    """The directory of a repository on this host, or None for one elsewhere."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    return Path(url).absolute() if url.startswith(("/", "./", "../")) or url in (".", "..") else None


def owner_of(path: Path) -> tuple[int, int] | None:
    """User and group of a repository when we are root and they are not: root leaves no files there, runs no hooks.

    Raises: GitUnreachable when nothing is there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise GitUnreachable(f"{path} is no repository: {error.strerror}") from None
    return (found.st_uid, found.st_gid) if os.geteuid() == 0 and found.st_uid != 0 else None


def as_owner(url: str, service: str) -> list[str]:
    """The option by which a git process has a repository on this host served by its owner; mostly none.

    Raises: GitUnreachable when nothing is there.
    """
    path = local_path(url)
    owner = owner_of(path) if path is not None else None
    if owner is None:
        return []
    drop = f"setpriv --reuid={owner[0]} --regid={owner[1]} --clear-groups --"
    return [f"--{service}=env GIT_CONFIG_GLOBAL=/dev/null {drop} git {service}"]


class Pipe:
    """A process that speaks the protocol on its standard input and output."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._in, self._out, self.errors = process.stdin.fileno(), process.stdout.fileno(), process.stderr
        self._until = time.monotonic() + PATIENCE

    def read(self) -> bytes:
        """Some bytes; none at the end."""
        left = self._until - time.monotonic()
        if left <= 0 or not select.select([self._out], [], [], left)[0]:
            raise TimeoutError(f"no answer within {PATIENCE:.0f} s")
        return os.read(self._out, _CHUNK)

    def write(self, data: bytes) -> None:
        """Sends bytes; what the process says meanwhile waits in its pipe."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._in, view) :]


def told(pipe: Pipe, speak: Callable[[Wire], T]) -> T:
    """What a conversation with a process gives; a failure is told in the process's own words.

    Raises: GitUnreachable.
    """
    try:
        return speak(pipe)
    except (pktline.Broken, BrokenPipeError) as error:
        # What went wrong stands in the process's own words.
        words = pipe.errors.read().decode(errors="replace").strip().splitlines()
        raise GitUnreachable(f"the remote cannot be reached: {(words or [str(error)])[-1][:300]}") from None


@contextmanager
def spawned(words: list[str], owner: tuple[int, int] | None, **more: str) -> Iterator[Pipe]:
    """A process of git that speaks the protocol, run as the repository's owner; `more` goes into its environment."""
    pipe = subprocess.PIPE
    # Another user cannot read the configuration in our home.
    env = gitrun.environment() | ({"GIT_CONFIG_GLOBAL": os.devnull} if owner else {}) | more
    process = subprocess.Popen(
        words,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=env,
        user=owner[0] if owner else None,
        group=owner[1] if owner else None,
        extra_groups=() if owner else None,
        start_new_session=True,
    )
    try:
        with process:
            yield Pipe(process)
    except BaseException:
        process.kill()
        raise


class _Stream:
    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def read(self) -> bytes:
        """Some bytes; none at the end."""
        return self._link.recv(_CHUNK)

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        self._link.sendall(data)


@contextmanager
def _socket(host: str, port: int, path: str) -> Iterator[_Stream]:
    with socket.create_connection((host, port), timeout=PATIENCE) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(pktline.line(f"git-receive-pack {unquote(path)}\0host={host}\0".encode()))
        yield _Stream(link)


def _ssh(url: str) -> list[str]:
    """The command that reaches a repository by ssh; empty when the address is none of ssh's."""
    parts = urlsplit(url)
    if parts.scheme == "ssh" and parts.hostname:
        host, path, port = parts.netloc.rpartition("@")[2].split(":")[0], parts.path, parts.port
        user = parts.netloc.rpartition("@")[0]
        path = path[1:] if path.startswith("/~") else path
    elif "://" not in url and ":" in url:
        where, _, path = url.partition(":")
        user, _, host = where.rpartition("@")
        port = None
    else:
        return []
    if host.startswith("-") or user.startswith("-") or not host:
        return []
    program = shlex.split(gitrun.environment()["GIT_SSH_COMMAND"])
    where = f"{user}@{host}" if user else host
    return [*program, *(["-p", str(port)] if port else []), "--", where, f"git-receive-pack {shlex.quote(path)}"]


def _over_http(url: str, decide: Decide) -> Exchange:
    """Over http an exchange is two requests on one connection: the refs, then the push."""
    with http_link(url) as (link, base, headers):
        body = asked(
            link, "GET", f"{base}/info/refs?service=git-receive-pack", headers, b"", "receive-pack-advertisement"
        )
        reader = reader_of(body)
        if reader.line() != b"# service=git-receive-pack\n" or reader.line() is not None:
            raise Unusual
        refs, able = read_refs(reader)
        push = decide(refs)
        if push is None or not push.updates:
            return Exchange(refs, able=able)
        return Exchange(refs, http_push(link, base, headers, push, able), able)


def http_push(
    link: http.client.HTTPConnection, base: str, headers: dict[str, str], push: Push, able: frozenset[str]
) -> Report:
    """Asks for a push over http and tells what came of it."""
    headers = headers | {"Content-Type": "application/x-git-receive-pack-request"}
    answer = asked(link, "POST", f"{base}/git-receive-pack", headers, commands(push, able), "receive-pack-result")
    return read_report(reader_of(answer), able)


@contextmanager
def http_link(url: str) -> Iterator[tuple[http.client.HTTPConnection, str, dict[str, str]]]:
    """A connection, the path of the repository on it, and the headers that each request wants.

    Raises: Unusual where a proxy stands between.
    """
    if any(os.environ.get(name) for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY")):
        raise Unusual
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    headers = {"User-Agent": "git/paddock"}
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    try:
        yield link, parts.path.rstrip("/"), headers
    finally:
        link.close()


def asked(
    link: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes, what: str
) -> bytes:
    """The body that a request is answered with, when it is what git's protocol says.

    Raises: Unusual for what is git's own business; Broken for any other answer.
    """
    link.request(method, path, body or None, headers)
    answer = link.getresponse()
    found = answer.read()
    # Redirects and credentials are git's business.
    if answer.status in (301, 302, 303, 307, 308, 401, 407):
        raise Unusual
    if answer.status != 200 or answer.getheader("Content-Type") != f"application/x-git-{what}":
        raise pktline.Broken(f"it answers {answer.status} {answer.reason}")
    return found


def reader_of(body: bytes) -> pktline.Reader:
    """Reads the lines of an answer that has come whole."""
    chunks = iter([body])
    return pktline.Reader(lambda: next(chunks, b""))
