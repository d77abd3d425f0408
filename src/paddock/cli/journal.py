"""`paddock journal`: the record of everything that happened."""

import json
import time
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import Api

EXAMPLE = "paddock journal --job BUG-07\npaddock journal -f"
PAGE = 1_000
# Seconds between two looks at a journal that stands still.
FOLLOW = 0.5


def main(verb: str, words: list[str]) -> int:
    """Prints rows, oldest first; with --json one object a line when following."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("-f", "--follow", action="store_true", help="go on as things happen")
    parser.add_argument("--job", metavar="JOB", help="only what is about this job")
    parser.add_argument("--after", type=args.whole(0), metavar="SEQ", help="only rows after this one")
    parser.add_argument("--limit", type=args.whole(1), default=200, metavar="N", help="the last N rows (200)")
    found = args.read(parser, words)
    api = args.api_of(found)
    rows = _rows(api, found)
    if found.json and not found.follow:
        out.dump(rows)
        return 0
    for row in rows:
        _print(row, found.json)
    if not rows and not found.follow:
        out.line("nothing happened yet" if found.after is None else "nothing happened since")
    return _follow(api, found, rows[-1]["seq"] if rows else found.after or 0) if found.follow else 0


def _rows(api: Api, found: Any) -> list[dict[str, Any]]:
    if found.after is not None:
        rows: list[dict[str, Any]] = api.get("/v1/journal", after=found.after, job=found.job, limit=found.limit)
        return rows
    if found.job is None:
        # A negative `after` asks for the last rows.
        rows = api.get("/v1/journal", after=-1, limit=found.limit)
        return rows
    rows = api.get("/v1/journal", after=0, job=found.job, limit=PAGE)
    return rows[-found.limit :]


def _follow(api: Api, found: Any, seq: int) -> int:
    while True:
        rows = api.get("/v1/journal", after=seq, job=found.job, limit=PAGE)
        for row in rows:
            _print(row, found.json)
            seq = row["seq"]
        if not rows:
            time.sleep(FOLLOW)


def _print(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out.line(json.dumps(row, ensure_ascii=False))
        return
    said = " ".join(f"{key}={value}" for key, value in (row["data"] or {}).items() if value not in (None, "", [], {}))
    who = " ".join(part for part in (row["job"], row["agent"]) if part)
    out.line(out.plain(f"{row['seq']:>6} {out.clock(row['at'])} {row['type']:<20} {who} {said}"))
