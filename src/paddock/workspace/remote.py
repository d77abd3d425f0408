"""Talking to a project's repository: a local path, file://, ssh, http, or git's own port."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from paddock.core.errors import BadInput
from paddock.sandbox import User, program
from paddock.workspace.errors import GitFailed, NoRepository, RemoteUnreachable
from paddock.workspace.git import Done, last_words, run

_SCP = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9_.-]*:(?!//|:).+")
_UNREACHABLE = (
    *("Could not read from remote", "unable to access", "Could not resolve", "early EOF", "hung up"),
    *("could not read Username", "Authentication failed"),
)
_SCHEMES = ("ssh", "https", "http", "git", "file")


def check_url(url: str) -> str:
    """`url` when it names a repository in one of the ways Paddock knows; BadInput else."""
    if not url or url.startswith("-") or any(ord(char) < 32 for char in url):
        raise BadInput(f"{url!r} is not a repository")
    if local_path(url) is not None or _SCP.fullmatch(url):
        return url
    parts = urlsplit(url)
    if parts.scheme in _SCHEMES and parts.hostname and not parts.hostname.startswith("-"):
        return url
    raise BadInput(f"{url!r} is not a repository", hint="give a path, or a file://, ssh://, git:// or https:// address")


def local_path(url: str) -> Path | None:
    """The directory of a repository on this host, or None for one elsewhere."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    return Path(url) if url.startswith("/") else None


def _as_owner(url: str, service: str) -> str | None:
    """The command that serves a local repository as the user who owns it.

    Root must not leave files of its own in somebody's repository, nor run that repository's hooks as root.
    """
    path = local_path(url)
    if path is None:
        return None
    extra = " -c receive.denyCurrentBranch=updateInstead" if service == "receive-pack" else ""
    words = f"git{extra} {service}"
    user = as_user(path)
    if user is None:
        return words
    drop = f"{program('setpriv')} --reuid={user.uid} --regid={user.gid} --clear-groups --"
    return f"env GIT_CONFIG_GLOBAL=/dev/null {drop} {words}"


def as_user(path: Path) -> User | None:
    """The owner of a repository on this host, when we are root and he is not."""
    try:
        owner = path.stat()
    except OSError:
        return None
    return User(owner.st_uid, owner.st_gid) if os.geteuid() == 0 and owner.st_uid != 0 else None


def fetch(git_dir: Path, url: str, *refspecs: str, prune: bool = False) -> None:
    """Fetch refspecs into a bare repository, without garbage collection."""
    options = ["--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules"]
    options += ["--prune"] if prune else []
    _checked(url, _exchange("fetch", "upload-pack", url, options, [*refspecs], git_dir))


def ls_remote(url: str, *patterns: str, symref: bool = False) -> dict[str, str]:
    """Refs of the remote by name; with `symref` the name `@HEAD` gives the branch that HEAD names."""
    options = ["--quiet", *(["--symref"] if symref else [])]
    out = _checked(url, _exchange("ls-remote", "upload-pack", url, options, [*patterns], None)).out
    refs: dict[str, str] = {}
    for line in out.decode(errors="surrogateescape").splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: "):
            refs[f"@{name}"] = value.removeprefix("ref: ")
        else:
            refs[name] = value
    return refs


def push(git_dir: Path, url: str, refspecs: list[str], leases: dict[str, str], *, atomic: bool = True) -> Done:
    """Push; every ref in `leases` must still be at its value there (empty: not exist). The answer is porcelain."""
    options = ["--porcelain", "--no-verify", "--no-recurse-submodules", *(["--atomic"] if atomic else [])]
    options += [f"--force-with-lease={ref}:{value}" for ref, value in leases.items()]
    return _exchange("push", "receive-pack", url, options, refspecs, git_dir)


def _exchange(verb: str, service: str, url: str, options: list[str], rest: list[str], git_dir: Path | None) -> Done:
    served = _as_owner(url, service)
    options = [*options, *([f"--{service}={served}"] if served else [])]
    return run(verb, *options, "--", url, *rest, git_dir=git_dir, remote=True)


def _checked(url: str, done: Done) -> Done:
    if done.code == 0:
        return done
    raise failure(url, done)


def failure(url: str, done: Done) -> GitFailed | NoRepository | RemoteUnreachable:
    """The error for a remote that did not do what was asked."""
    words = last_words(done.err)
    path = local_path(url)
    if path is not None and ("not a git repository" in done.err or "does not appear to be a git" in done.err):
        return NoRepository(f"{path} is not a git repository")
    if any(sign in done.err for sign in _UNREACHABLE):
        return RemoteUnreachable(f"{url} cannot be reached: {words}")
    return GitFailed(f"{url}: {words}")
