"""`paddock topic`: events published, read, followed, and shared between the consumers of a group."""

import argparse
import json
import sys
import time
import uuid
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput, Overloaded, Unreachable

EXAMPLE = """\
paddock topic publish deploys --type deploy.done --data '{"host": "a1"}'
paddock topic follow deploys
paddock topic follow paddock.jobs --after latest --state ready --capability gpu
paddock topic take deploys --group mailers --consumer me --max 10
paddock topic ack deploys --group mailers TOKEN
paddock topic list
paddock topic create deploys --keep-for 7d --keep-last 10000
paddock topic read deploys --after 12
paddock topic groups deploys
paddock topic nack deploys --group mailers TOKEN"""

PAGE = 500
# Seconds for which one question waits at a topic that stands still.
WAIT = 20
# Seconds for which following goes on asking a control plane that does not answer any more.
PATIENCE = 60.0


_FILTERS = {
    "project": "jobs of this project",
    "kind": "jobs of this kind",
    "capability": "jobs that need nothing beyond these",
    "state": "jobs that came into this state",
}


def main(verb: str, words: list[str]) -> int:
    """Publishes, reads, follows, shares or makes topics."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    listing = args.for_part(parts, "list", "list topics", _list)
    make = args.for_part(parts, "create", "make a topic, or set what it keeps", _create)
    say = args.for_part(parts, "publish", "publish an event", _publish)
    read = args.for_part(parts, "read", "show events", _read)
    follow = args.for_part(parts, "follow", "show events as they come, until Ctrl-C", _follow)
    groups = args.for_part(parts, "groups", "list a topic's groups of consumers", _groups)
    take = args.for_part(parts, "take", "take what is next for a group", _take)
    ack = args.for_part(parts, "ack", "say that deliveries are done", _ack)
    nack = args.for_part(parts, "nack", "give deliveries back at once", _nack)
    for part in (make, say, read, follow, groups, take, ack, nack):
        part.add_argument("topic", metavar="TOPIC")
    listing.add_argument("--prefix", default="", help="those whose names begin so, such as project:")
    make.add_argument("--keep-for", type=args.span, default=0.0, metavar="SPAN", help="drop older events, such as 7d")
    make.add_argument("--keep-last", type=args.whole(0), default=0, metavar="N", help="drop all but the latest N")
    say.add_argument("--type", default="paddock.said", help="what kind of event it is")
    say.add_argument("--source", default=f"/people/{login_name()}", help="who says it")
    say.add_argument("--id", default="", help="its id; the same source and id again is the same event")
    say.add_argument("--data", default="", metavar="JSON", help="what it says, as JSON; `-` reads standard input")
    for part in (read, follow):
        part.add_argument("--after", type=_position, default="0", metavar="POSITION", help="or latest; from there (0)")
        for word, about in _FILTERS.items():
            part.add_argument(f"--{word}", action="append", metavar=word.upper(), help=f"of paddock.jobs: {about}")
    read.add_argument("--limit", type=args.whole(1), default=100, metavar="N", help="at most so many (100)")
    for part in (take, ack, nack):
        part.add_argument("--group", required=True, metavar="NAME", help="consumers that share the topic")
    take.add_argument("--consumer", default=login_name(), metavar="NAME", help="who takes")
    take.add_argument("--max", type=args.whole(1), default=1, metavar="N", help="at most so many (1)")
    take.add_argument("--for", dest="seconds", type=args.span, default=30.0, metavar="SPAN", help="time to do it (30s)")
    take.add_argument("--start", choices=("earliest", "latest"), default="earliest", help="where a new group begins")
    for part in (ack, nack):
        part.add_argument("tokens", nargs="+", metavar="TOKEN")
    return args.act(parser, words)


def _list(found: argparse.Namespace) -> int:
    rows = args.api_of(found).get("/v1/topics", prefix=found.prefix)
    if found.json:
        out.dump(rows)
        return 0
    cells = [(row["name"], row["events"], row["last"], _bounds(row)) for row in rows]
    out.table(("topic", "events", "last", "keeps"), cells, "no topics yet; `paddock topic publish` begins one")
    return 0


def _bounds(row: dict[str, Any]) -> str:
    parts = [out.span(row["keep_ms"] / 1_000)] if row["keep_ms"] else []
    parts += [f"the latest {row['keep_count']}"] if row["keep_count"] else []
    return " and ".join(parts) or "all"


def _create(found: argparse.Namespace) -> int:
    body = {"name": found.topic, "keep_seconds": int(found.keep_for), "keep_count": found.keep_last}
    made = args.api_of(found).post("/v1/topics", body)
    if found.json:
        out.dump(made)
    else:
        out.line(f"{made['name']} keeps {_bounds(made)}")
    return 0


def _publish(found: argparse.Namespace) -> int:
    raw = sys.stdin.read() if found.data == "-" else found.data
    event = {"specversion": "1.0", "id": found.id or uuid.uuid4().hex, "source": found.source, "type": found.type}
    if raw:
        try:
            event["data"] = json.loads(raw)
        except ValueError:
            raise BadInput("--data is no JSON", hint="a text is JSON in quotes: --data '\"hello\"'") from None
    made = args.api_of(found).post(at("topics", found.topic), event)
    if found.json:
        out.dump(made)
    else:
        out.line(f"{found.topic} {made['positions'][0]}")
    return 0


def _position(text: str) -> str:
    if text != "latest" and not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a position nor latest")
    return text


def _read(found: argparse.Namespace) -> int:
    rows, _ = _page(found, found.after, limit=min(found.limit, PAGE))
    if found.json:
        out.dump(rows)
        return 0
    for row in rows:
        _print(row)
    return 0


def _follow(found: argparse.Namespace) -> int:
    position, well, told = found.after, float("-inf"), False
    while True:
        try:
            rows, position = _page(found, position, limit=PAGE, wait=WAIT)
        except (Unreachable, Overloaded) as error:  # it may be starting again: nothing is missed
            if time.monotonic() > well + PATIENCE:
                raise
            if not told:
                out.note(f"{error.message}; trying again")
            told = True
            time.sleep(1.0)
            continue
        well, told = time.monotonic(), False
        for row in rows:
            if found.json:
                out.line(json.dumps(row, ensure_ascii=False))
            else:
                _print(row)


def _page(found: argparse.Namespace, after: str, **asked: int) -> tuple[list[dict[str, Any]], str]:
    """Events, and the position to go on behind."""
    words = {word: given for word in _FILTERS if (given := getattr(found, word))}
    api = args.api_of(found)
    body, headers = api.raw(at("topics", found.topic), after=after, **asked, **words)
    return api.read(body), headers["paddock-position"]


def _print(row: dict[str, Any]) -> None:
    said = json.dumps(row["data"], ensure_ascii=False) if "data" in row else ""
    out.line(out.plain(f"{row['sequence']:>6} {row['type']:<24} {row['source']} {said}"))


def _groups(found: argparse.Namespace) -> int:
    rows = args.api_of(found).get(at("topics", found.topic, "groups"))
    if found.json:
        out.dump(rows)
        return 0
    cells = [(row["name"], row["next"], row["behind"], row["pending"], row["dead"]) for row in rows]
    out.table(
        ("group", "next", "behind", "pending", "put aside"), cells, "no groups yet; `paddock topic take` begins one"
    )
    return 0


def _take(found: argparse.Namespace) -> int:
    body = {"consumer": found.consumer, "max": found.max, "seconds": max(1, int(found.seconds)), "start": found.start}
    told = args.api_of(found).post(at("topics", found.topic, "groups", found.group, "take"), body)
    if found.json:
        out.dump(told)
        return 0
    for one in told["deliveries"]:
        out.line(one["token"])
        _print(one["event"])
    if not told["deliveries"]:
        out.note("nothing is waiting")
    return 0


def _ack(found: argparse.Namespace) -> int:
    return _settle(found, "ack")


def _nack(found: argparse.Namespace) -> int:
    return _settle(found, "nack")


def _settle(found: argparse.Namespace, how: str) -> int:
    told = args.api_of(found).post(at("topics", found.topic, "groups", found.group, how), {"tokens": found.tokens})
    if found.json:
        out.dump(told)
    for token in told["stale"]:
        out.note(f"{token} is not the current delivery any more")
    return 1 if told["stale"] else 0
