"""`paddock gate`: whether a change may merge, for people and for scripts."""

from paddock.cli import args, out
from paddock.cli.api import at


def main(verb: str, words: list[str]) -> int:
    """Exit code 0 when the change may merge, 1 when something stands in the way."""
    parser = args.for_verb(verb, "paddock gate BUG-07 && echo it may merge")
    parser.add_argument("change", metavar="CHANGE", help="a change's id, or its job's id or name")
    found = args.read(parser, words)
    gate = args.api_of(found).get(at("changes", found.change, "gate"))
    # A merged change passed the gate; that it may not merge again is no failure.
    code = 0 if gate["mergeable"] or gate.get("state") == "merged" else 1
    if found.json:
        out.dump(gate)
        return code
    out.line(f"{gate['change']}: {'mergeable' if gate['mergeable'] else gate.get('state', 'not mergeable')}")
    for reason in gate["reasons"]:
        out.line(f"  - {out.plain(reason)}")
    if gate.get("queue"):
        place, behind = gate["queue"]["place"], gate["queue"]["behind"]
        out.line(f"  {f'number {place} in the merge queue' if place else 'merges now'}" + _behind(behind))
    if gate["approved_by"]:
        out.line(f"  approved by {out.plain(', '.join(gate['approved_by']))}")
    return code


def _behind(names: list[str]) -> str:
    return out.plain(f", behind {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}") if names else ""
