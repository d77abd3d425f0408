"""`paddock api-token`: tokens by which programs do what their owner may."""

import argparse

from paddock.cli import args, out
from paddock.cli.api import at

EXAMPLE = """\
paddock api-token mint --label ci --scope read --scope work --days 30 > ci.token
PADDOCK_API_TOKEN_FILE=ci.token paddock submit batch.yaml
paddock api-token list
paddock api-token revoke ci"""


def main(verb: str, words: list[str]) -> int:
    """Mints, lists or revokes API tokens."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    mint = args.for_part(parts, "mint", "mint an API token of one's own", _mint)
    mint.add_argument("--label", default="", help="what it is for; the journal keeps it")
    mint.add_argument(
        "--scope",
        action="append",
        metavar="SCOPE",
        help="what it may do: read, work, review, fleet, releases, tokens or security; several times (read)",
    )
    mint.add_argument("--days", type=args.whole(1), default=90, metavar="N", help="days that it is good for (90)")
    args.for_part(parts, "list", "list one's API tokens; an owner sees everybody's", _list)
    revoke = args.for_part(parts, "revoke", "make an API token worthless", _revoke)
    revoke.add_argument("token", metavar="TOKEN", help="its id or its label")
    return args.act(parser, words)


def _mint(found: argparse.Namespace) -> int:
    body = {"label": found.label, "scopes": found.scope or ["read"], "days": found.days}
    minted = args.api_of(found).post("/v1/api-tokens", body)
    if found.json:
        out.dump(minted)
        return 0
    # The token alone on stdout, so that a shell can take it.
    out.line(minted["token"])
    out.note(f"may {' '.join(minted['scopes'])}, until {out.clock(minted['expires'])}; its id is {minted['id']}")
    return 0


def _list(found: argparse.Namespace) -> int:
    tokens = args.api_of(found).get("/v1/api-tokens")
    if found.json:
        out.dump(tokens)
        return 0
    rows = [
        [one["id"], one["person"], one["label"], one["state"], " ".join(one["scopes"]), out.clock(one["expires"])]
        for one in tokens
    ]
    out.table(("token", "person", "label", "state", "may", "until"), rows, "no tokens yet: paddock api-token mint")
    return 0


def _revoke(found: argparse.Namespace) -> int:
    changed = args.api_of(found).post(at("api-tokens", found.token, "revoke"), {})
    if found.json:
        out.dump(changed)
    else:
        out.line(f"API token {changed['id']} is worthless now")
    return 0
