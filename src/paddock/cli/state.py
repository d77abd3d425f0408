"""`paddock state`: what a job, a project or an agent remembers."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli import args, out
from paddock.cli.api import NotPaddock
from paddock.core.errors import BadInput, Conflict, NotFound, PaddockError, Unreachable

if TYPE_CHECKING:
    from paddock.client import ClientError, State

EXAMPLE = """\
paddock state list project:shop
paddock state set project:shop colour green
paddock state get j0dm3… progress
paddock state delete agent:mary cache --if-match r0dm…"""

_SPACES = ("job", "project", "agent")
# Keys that one list shows.
_MOST_LISTED = 100_000


class StateRefused(PaddockError):
    """The control plane refused it."""

    code = "state_refused"


def main(verb: str, words: list[str]) -> int:
    """Lists, shows, sets or deletes keys."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    listing = args.for_part(parts, "list", "list the keys of an owner", _list)
    getting = args.for_part(parts, "get", "write a value to standard output, as it is", _get)
    setting = args.for_part(parts, "set", "set a key to a text, or to what a file holds", _set)
    deleting = args.for_part(parts, "delete", "delete a key", _delete)
    for part in (listing, getting, setting, deleting):
        part.add_argument("owner", metavar="OWNER", help="a job, or project:NAME, or agent:NAME")
    for part in (getting, setting, deleting):
        part.add_argument("key", metavar="KEY")
    listing.add_argument("--prefix", default="", help="only keys that begin so")
    setting.add_argument("value", metavar="VALUE", nargs="?", help="the value as a text")
    setting.add_argument("--file", type=Path, help="the value as a file, `-` for standard input")
    setting.add_argument("--ttl", type=args.span, default=0.0, help="forget it after this time, such as 2h")
    setting.add_argument("--new", action="store_true", help="only when there is no such key")
    for part in (setting, deleting):
        part.add_argument("--if-match", default="", metavar="REVISION", help="only while this revision stands there")
    return args.act(parser, words)


def _owner(found: argparse.Namespace) -> "State":
    from paddock.client import Client

    space, colon, name = found.owner.partition(":")
    if not colon:
        space, name = "job", found.owner
    if space not in _SPACES or not name:
        raise BadInput(f"{found.owner!r} names no owner", hint="JOB, project:NAME or agent:NAME")
    return Client(args.api_of(found).server, patience=0.0, token=args.bearer_of(found)).state(space, name)


@contextmanager
def _told() -> Iterator[None]:
    """The client's errors as those of the command line."""
    from paddock.client import ClientError

    try:
        yield
    except ClientError as error:
        raise _as_ours(error) from None


def _as_ours(error: "ClientError") -> PaddockError:
    from paddock import client
    from paddock.client.errors import NO_CODE

    if isinstance(error, client.Unreachable):
        return Unreachable(error.message)
    if error.status and error.code == NO_CODE:
        return NotPaddock(f"{error.message} and does not look like a control plane of Paddock")
    if isinstance(error, client.NotFound):
        return NotFound(error.message)
    if isinstance(error, client.Conflict):
        hint = f"the revision there is {_bare(error.etag)}" if error.etag else ""
        return Conflict(error.message, hint=hint)
    kind = BadInput if 400 <= error.status < 500 else StateRefused
    return kind(error.message, hint=error.hint)


def _bare(etag: str) -> str:
    return etag.strip('"')


def _tag(revision: str) -> str:
    return f'"{_bare(revision)}"' if revision else ""


def _list(found: argparse.Namespace) -> int:
    with _told():
        keys = [key for key, _ in zip(_owner(found).keys(found.prefix), range(_MOST_LISTED), strict=False)]
    if found.json:
        out.dump([{**key._asdict(), "etag": _bare(key.etag)} for key in keys])
        return 0
    rows = [(key.key, key.size, key.content_type, _bare(key.etag), out.age(key.updated)) for key in keys]
    out.table(("key", "bytes", "type", "revision", "written"), rows, "no keys")
    return 0


def _get(found: argparse.Namespace) -> int:
    with _told():
        value = _owner(found).get(found.key)
    if found.json:
        text = value.data.decode(errors="replace")
        out.dump({"key": found.key, "value": text, "etag": _bare(value.etag), "expires": value.expires})
    elif sys.stdout.isatty():
        out.line(out.visible(value.data.decode(errors="replace")))
    else:
        sys.stdout.buffer.write(value.data)
    return 0


def _set(found: argparse.Namespace) -> int:
    if (found.value is None) == (found.file is None):
        raise BadInput("give either VALUE or --file", where="value")
    value = found.value if found.file is None else _read(found.file)
    with _told():
        state, match = _owner(found), _tag(found.if_match)
        etag = _bare(state.put(found.key, value, if_match=match, if_absent=found.new, ttl=found.ttl))
    if found.json:
        out.dump({"key": found.key, "etag": etag})
    else:
        out.line(f"{found.key} is set, revision {etag}")
    return 0


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def _delete(found: argparse.Namespace) -> int:
    with _told():
        there = _owner(found).delete(found.key, if_match=_tag(found.if_match))
    if not there:
        raise NotFound(f"no key {found.key!r}")
    if found.json:
        out.dump({"key": found.key, "deleted": True})
    else:
        out.line(f"{found.key} is deleted")
    return 0
