"""`paddock key`: the keys that sign orders, and fresh ones in their place."""

import argparse
import getpass
from typing import Any

from paddock.cli import args, out
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock key show
paddock key rotate                  # the former keys are taken for a day yet
paddock key rotate --overlap 1h --role job
paddock key end                     # at once, when a key was seen by others"""


def main(verb: str, words: list[str]) -> int:
    """Shows, rotates or ends keys."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    args.for_part(parts, "show", "public keys, and which agents know the newest", _show)
    rotate = args.for_part(parts, "rotate", "a fresh key for each role, announced by the former one", _rotate)
    about = "how long the former key is taken yet: 90s, 15m, 2h, 7d, or 0 (24h)"
    rotate.add_argument("--overlap", metavar="TIME", default="24h", help=about)
    end = args.for_part(parts, "end", "take former keys no more, from now on", _end)
    for part in (rotate, end):
        part.add_argument("--role", action="append", choices=["job", "directive"], help="only this role's")
        part.add_argument("--by", metavar="NAME", default="", help="who decides; your login when left out")
    return args.act(parser, words)


def _show(found: argparse.Namespace) -> int:
    return _tell(found, args.api_of(found).get("/v1/keys"))


def _rotate(found: argparse.Namespace) -> int:
    overlap = 0 if found.overlap == "0" else _span(found.overlap)
    return _tell(found, args.api_of(found).post("/v1/keys/rotate", {**_who(found), "overlap_ms": overlap}))


def _end(found: argparse.Namespace) -> int:
    return _tell(found, args.api_of(found).post("/v1/keys/end", _who(found)))


def _span(text: str) -> int:
    try:
        return int(args.span(text) * 1_000)
    except argparse.ArgumentTypeError as error:
        raise BadInput(f"--overlap: {error}") from None


def _who(found: argparse.Namespace) -> dict[str, Any]:
    by = found.by or getpass.getuser()
    return {"by": by, "roles": found.role} if found.role else {"by": by}


def _tell(found: argparse.Namespace, keys: dict[str, Any]) -> int:
    if found.json:
        out.dump(keys)
        return 0
    newest = {role: max(k["number"] for k in keys["keys"] if k["role"] == role) for role in ("job", "directive")}
    rows = []
    for key in keys["keys"]:
        until = keys["ends"].get(key["role"])
        state = "ended" if key["ended"] else "signs" if key["number"] == newest[key["role"]] else "taken"
        if state == "taken" and until:
            state = f"taken until {out.clock(until)}"
        rows.append((key["role"], str(key["number"]), key["keyid"], state))
    out.table(("role", "number", "key", "state"), rows, "there are no keys")
    out.line(f"\n{keys['followed']} of {keys['online']} agents that are online know the newest")
    if keys["behind"]:
        out.line(f"not yet: {', '.join(map(out.plain, keys['behind']))}")
    return 0
