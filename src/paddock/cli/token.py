"""`paddock token`: single-use activation tokens, one for each agent."""

import argparse

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock token mint --label build-host-3 --expires 1h > token
paddock activate --token-file token
paddock token list
paddock token revoke build-host-3"""


def main(verb: str, words: list[str]) -> int:
    """Mints, lists or revokes tokens."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    mint = args.for_part(parts, "mint", "mint an activation token, good once and for a short time", _mint)
    mint.add_argument("--label", default="", help="what it is for; the journal keeps it")
    mint.add_argument(
        "--expires", type=args.span, metavar="SPAN", help="how long it is good, such as 1h; a day, at most 7d"
    )
    mint.add_argument(
        "--agent-label", metavar="KEY=VALUE", action="append", default=[], help="a label that its agent will have"
    )
    mint.add_argument("--channel", help="its agent's channel: stable, beta, dev or lts (its licence's, else stable)")
    mint.add_argument(
        "--network", metavar="RANGE", default="", help="where it may be redeemed from, such as 10.1.0.0/16"
    )
    mint.add_argument(
        "--binding",
        help="when its agent moves to another host: required quarantines it, "
        "optional raises an anomaly, none does nothing (its licence's, else optional)",
    )
    mint.add_argument("--licence", metavar="NAME", help="the licence of its agent (default, if there is one)")
    args.for_part(parts, "list", "list the newest tokens, without what they are made of", _list)
    revoke = args.for_part(parts, "revoke", "make a token worthless that was not used", _revoke)
    revoke.add_argument("token", metavar="TOKEN", help="its id or its label")
    return args.act(parser, words)


def _mint(found: argparse.Namespace) -> int:
    body: dict[str, object] = {"label": found.label, "network": found.network}
    for name in ("channel", "binding", "licence"):
        if getattr(found, name):
            body[name] = getattr(found, name)
    body["labels"] = dict(_label(text) for text in found.agent_label)
    if found.expires is not None:
        body["expires"] = found.expires
    minted = args.api_of(found).post("/v1/tokens", body)
    if found.json:
        out.dump(minted)
        return 0
    # The token alone on stdout, so that a shell can take it.
    out.line(minted["token"])
    out.note(f"good once, until {out.clock(minted['expires'])}; its id is {minted['id']}")
    return 0


def _label(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key:
        raise BadInput(f"{text!r} is no label", hint="such as zone=eu-1")
    return key, value


def _list(found: argparse.Namespace) -> int:
    tokens = args.api_of(found).get("/v1/tokens")
    if found.json:
        out.dump(tokens)
        return 0
    rows = [
        [one["id"], one["label"], one["state"], one["channel"], one["network"] or "anywhere", _when(one), one["agent"]]
        for one in tokens
    ]
    out.table(
        ("token", "label", "state", "channel", "from", "when", "agent"), rows, "no tokens yet: paddock token mint"
    )
    return 0


def _when(token: dict[str, int | None]) -> str:
    for word in ("used", "revoked"):
        if token[word] is not None:
            return f"{word} {out.clock(token[word])}"
    return f"until {out.clock(token['expires'])}"


def _revoke(found: argparse.Namespace) -> int:
    changed = args.api_of(found).post(at("tokens", found.token, "revoke"), {"by": login_name()})
    if found.json:
        out.dump(changed)
    else:
        out.line(f"token {changed['id']} is worthless now")
    return 0
