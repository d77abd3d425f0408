"""An exchange that looks at a few refs of a remote that has many, so that it costs no more than with a few.

A receiving side begins by naming all of its refs, and checks what is pushed against all of them. The other side of
git's second protocol can be asked for those below some prefixes alone. Then the push: a server that we start ourselves
is told to leave the other refs aside, and over http a push needs no list of refs before it. Elsewhere the server
decides, and nothing is won.
"""

import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from paddock.gitnative import channels, gitrun, pktline
from paddock.gitnative.errors import GitUnreachable
from paddock.gitnative.protocol import AGENT, Decide, Exchange, Unusual, Wire, talk

_SECOND = "version=2"
# So many names can be told to a receiving side when it is started; more of them cost more than a look before the push.
ONE = 12


def exchange(url: str, below: Sequence[str], decide: Decide, able: frozenset[str]) -> Exchange:
    """One exchange in which only refs that begin with one of `below` are seen. `able` is what the receiving side said
    it can do when it was asked for everything.

    Raises: GitUnreachable; Unusual where the whole list is all that there is.
    """
    try:
        path = channels.local_path(url)
        if path is not None:
            return _locally(str(path), channels.owner_of(path), below, decide)
        if urlsplit(url).scheme in ("http", "https") and able:
            return _over_http(url, below, decide, able)
    except (OSError, pktline.Broken, http.client.HTTPException) as error:
        raise GitUnreachable(f"{channels.shown(url)} cannot be reached: {error or type(error).__name__}") from None
    raise Unusual


def _locally(path: str, owner: tuple[int, int] | None, below: Sequence[str], decide: Decide) -> Exchange:
    if len(below) <= ONE:
        return _shown(path, owner, below, decide)
    with channels.spawned([gitrun.program(), "upload-pack", path], owner, GIT_PROTOCOL=_SECOND) as pipe:
        refs = channels.told(pipe, lambda wire: _listed(wire, below))
    push = decide(refs)
    if push is None or not push.updates:
        return Exchange(refs)
    return Exchange(refs, _shown(path, owner, [one.ref for one in push.updates], lambda _refs: push).report)


def _shown(path: str, owner: tuple[int, int] | None, below: Sequence[str], decide: Decide) -> Exchange:
    """An exchange with a receiving side that knows no refs but these and those below them."""
    # Of the rules that fit a ref the last one counts.
    shown = [word for one in below for word in ("-c", f"transfer.hideRefs=!{one}")]
    words = [gitrun.program(), *channels.QUICK, "-c", "transfer.hideRefs=refs", *shown, "receive-pack", path]
    with channels.spawned(words, owner) as pipe:
        return channels.told(pipe, lambda wire: talk(wire, decide))


def _over_http(url: str, below: Sequence[str], decide: Decide, able: frozenset[str]) -> Exchange:
    with channels.http_link(url) as (link, base, headers):
        more = {"Git-Protocol": _SECOND, "Content-Type": "application/x-git-upload-pack-request"}
        wanted = (link, "POST", f"{base}/git-upload-pack", headers | more, _request(below), "upload-pack-result")
        refs = _read(channels.reader_of(channels.asked(*wanted)))
        push = decide(refs)
        if push is None or not push.updates:
            return Exchange(refs)
        return Exchange(refs, channels.http_push(link, base, headers, push, able))


def _listed(wire: Wire, below: Sequence[str]) -> dict[str, str]:
    reader = pktline.Reader(wire.read)
    if reader.line() != b"version 2\n":
        raise Unusual
    able = [line.rstrip(b"\n") for line in reader.section()]
    if not any(word == b"ls-refs" or word.startswith(b"ls-refs=") for word in able):
        raise Unusual
    wire.write(_request(below))
    refs = _read(reader)
    wire.write(pktline.FLUSH)
    return refs


def _request(below: Sequence[str]) -> bytes:
    head = [pktline.line(b"command=ls-refs\n"), pktline.line(AGENT.encode() + b"\n"), pktline.BETWEEN]
    return b"".join([*head, *(pktline.line(f"ref-prefix {one}\n".encode()) for one in below), pktline.FLUSH])


def _read(reader: pktline.Reader) -> dict[str, str]:
    refs = {}
    for line in reader.section():
        if line.startswith(b"ERR "):
            raise pktline.Broken(line.decode(errors="replace").strip())
        row = line.decode(errors="surrogateescape").rstrip("\n")
        if row[40:41] != " ":
            raise Unusual
        refs[row[41:].split(" ")[0]] = row[:40]
    return refs
