"""`paddock token mint`: a single-use activation token for one agent."""

import argparse

from paddock.cli import args, out

EXAMPLE = "paddock token mint --label build-host-3 > token\nPADDOCK_TOKEN=$(cat token) paddock activate"


def main(verb: str, words: list[str]) -> int:
    """Mints a token."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    part = args.for_part(parts, "mint", "mint an activation token, good once and for a short time", _mint)
    part.add_argument("--label", default="", help="what it is for; the journal keeps it")
    return args.act(parser, words)


def _mint(found: argparse.Namespace) -> int:
    minted = args.api_of(found).post("/v1/tokens", {"label": found.label})
    if found.json:
        out.dump(minted)
        return 0
    # The token alone on stdout, so that a shell can take it.
    out.line(minted["token"])
    out.note(f"good once, until {out.clock(minted['expires'])}")
    return 0
