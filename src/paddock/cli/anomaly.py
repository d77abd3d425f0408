"""`paddock anomaly`: what was found about agents, and what a person makes of it."""

import argparse
import json
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name

EXAMPLE = """\
paddock anomaly list
paddock anomaly resolve x06c1r9gth1b2v0k3m4n5 --note "the clock was set"
paddock anomaly quarantine build-host-3 --note "looks odd"
paddock anomaly terminate build-host-3 --note "the disk was stolen"
paddock anomaly show x06c1r9gth1b2v0k3m4n5"""


def main(verb: str, words: list[str]) -> int:
    """Lists, shows or resolves anomalies; puts agents in quarantine or stops them for good."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    listing = args.for_part(parts, "list", "list what is open; exit 1 when something is", _list)
    listing.add_argument("--all", action="store_true", help="also what was resolved; exit 0")
    args.for_part(parts, "show", "one anomaly with its facts", _show).add_argument("anomaly", metavar="ANOMALY")
    for name, about, what in (
        ("resolve", "say that it was looked at; lifts a quarantine that nothing else keeps", "anomaly"),
        ("quarantine", "give an agent no more work until its anomaly is resolved", "agent"),
        ("terminate", "stop an agent for good; a fresh token brings it back as another", "agent"),
    ):
        part = args.for_part(parts, name, about, _decide)
        part.set_defaults(what=name)
        part.add_argument(
            "ref", metavar=what.upper(), help=f"the {what}'s id" + (" or name" if what == "agent" else "")
        )
        part.add_argument("--note", default="", help="why; the journal keeps it")
    return args.act(parser, words)


def _list(found: argparse.Namespace) -> int:
    anomalies = args.api_of(found).get("/v1/anomalies", state="all" if found.all else "open")
    if found.json:
        out.dump(anomalies)
    else:
        titles = ("anomaly", "type", "agent", "standing", "times", "last", "state")
        out.table(titles, [_row(one) for one in anomalies], "nothing is open")
    return 1 if anomalies and not found.all else 0


def _row(one: dict[str, Any]) -> list[Any]:
    name = one["name"] or one["agent"]
    return [one["id"], one["type"], name, one["standing"], one["times"], out.age(one["last"]), one["state"]]


def _show(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).get(at("anomalies", found.anomaly)))


def _told(found: argparse.Namespace, one: dict[str, Any]) -> int:
    if found.json:
        out.dump(one)
        return 0
    facts: dict[str, Any] = {
        "anomaly": f"{one['id']}  {one['type']}: {one['about']}",
        "agent": f"{one['name'] or one['agent']}, {one['standing']}",
        "seen": f"{out.count(one['times'], 'time')}, last {out.clock(one['last'])}",
    }
    facts |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in one["facts"].items()}
    if one["resolved"] is not None:
        facts["resolved"] = f"by {one['by']} at {out.clock(one['resolved'])} {one['note']}"
    out.facts(facts)
    return 0


def _decide(found: argparse.Namespace) -> int:
    place = "anomalies" if found.what == "resolve" else "agents"
    body = {"by": login_name(), "note": found.note}
    changed = args.api_of(found).post(at(place, found.ref, found.what), body)
    if found.what != "terminate":
        return _told(found, changed)
    if found.json:
        out.dump(changed)
    else:
        out.line(f"{changed['name']} is stopped for good")
    return 0
