"""How a verb reads its words: one parser for that verb alone, flags of settings from their table."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from paddock import settings
from paddock.cli.main import GROUPS
from paddock.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from paddock.cli.api import Api

# A flag that only programs use.
HIDDEN = argparse.SUPPRESS

# What every verb takes; they may also stand before the verb.
_COMMON = ("server", "home")
# Keeps settings apart from a verb's own words.
_DEST = "setting_"


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the words in one line, and where to read on."""

    def error(self, message: str) -> NoReturn:
        what = message[:1].lower() + message[1:]
        sys.stderr.write(f"paddock: {what}\nTry: {_help_of(self.prog)}\n")
        raise SystemExit(2)


def _help_of(prog: str) -> str:
    name, verb, *more = prog.split()
    return f"{name} {verb} {' '.join(more)} --help" if more else f"{name} help {verb}"


def for_verb(verb: str, example: str, **more: Any) -> Parser:
    """The parser of a verb, with its line of the table and an example."""
    about = next(verbs[verb] for verbs in GROUPS.values() if verb in verbs)
    return _make(Parser(f"paddock {verb}", **_manner(about, example), **more))


def for_part(parts: "argparse._SubParsersAction[Parser]", name: str, about: str, act: Callable[..., int]) -> Parser:
    """The parser of a verb's part, such as `show` of `job show`."""
    parser = _make(parts.add_parser(name, help=about, **_manner(about, "")))
    parser.set_defaults(act=act)
    return parser


def parts_of(parser: Parser) -> "argparse._SubParsersAction[Parser]":
    """Where the parts of a verb are added; one must be named."""
    made = cast(type[Parser], partial(_part, (parser.epilog or "").splitlines()))
    return parser.add_subparsers(metavar="PART", dest="part", required=True, parser_class=made)


def _part(examples: list[str], **words: Any) -> Parser:
    """A part's parser, with those lines of its verb's example that show it."""
    shown = [line for line in examples if f" {words['prog']} " in f" {line.strip()} "]
    return Parser(**{**words, "epilog": "\n".join(["example:", *shown]) if shown else None})


def _manner(about: str, example: str) -> dict[str, Any]:
    epilog = "example:\n" + "\n".join(f"  {line}" for line in example.splitlines()) if example else None
    description = about[:1].upper() + about[1:] + "."
    return {
        "description": description,
        "epilog": epilog,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }


def _make(parser: Parser) -> Parser:
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="results as JSON")
    for name in _COMMON:
        _add(group, settings.TABLE[name])
    return parser


def add_settings(parser: Parser, *names: str) -> None:
    """Adds the flags of these settings."""
    for name in names:
        _add(parser, settings.TABLE[name])


def _add(where: "argparse._ActionsContainer", row: settings.Row) -> None:
    about = row.about.replace("%", "%%")
    if row.kind == "bool":
        where.add_argument(row.flag, dest=_DEST + row.name, action="store_true", default=argparse.SUPPRESS, help=about)
        return
    if row.kind == "tuple":
        shown = row.flag.strip("-").upper().replace("-", "_")
        where.add_argument(
            row.flag, dest=_DEST + row.name, metavar=shown, action="append", default=argparse.SUPPRESS, help=about
        )
        return
    shown = {"int": "N", "float": "SECONDS", "Path": "PATH"}.get(row.kind, row.name.upper())
    where.add_argument(row.flag, dest=_DEST + row.name, metavar=shown, default=argparse.SUPPRESS, help=about)


def read(parser: Parser, words: list[str]) -> argparse.Namespace:
    """The words, parsed; `json` is always there."""
    found = parser.parse_args(words)
    found.json = getattr(found, "json", False)
    return found


def settings_of(found: argparse.Namespace, **defaults: object) -> settings.Settings:
    """The settings in force for parsed words; `defaults` are this verb's own, used when nothing else says otherwise.

    Raises: BadInput.
    """
    return settings.load(given(found), defaults=defaults)


def policy_of(these: settings.Settings) -> "Path":
    """The host's policy. Only the usual file may be missing: one that somebody named would else bound nothing unseen.

    Raises: BadInput.
    """
    if str(these.policy) != settings.TABLE["policy"].default and not these.policy.exists():
        raise BadInput(f"there is no policy {these.policy}", hint="write it, or leave --policy and PADDOCK_POLICY out")
    return these.policy


def given(found: argparse.Namespace) -> dict[str, object]:
    """The settings that stood in the words, by name; a list that was given in parts is one text, as elsewhere."""
    words = {name.removeprefix(_DEST): value for name, value in vars(found).items() if name.startswith(_DEST)}
    return {
        name: settings.TABLE[name].between.join(value) if isinstance(value, list) else value
        for name, value in words.items()
    }


def whole(low: int) -> Callable[[str], int]:
    """An argument's type: a whole number of at least `low`."""

    def number(text: str) -> int:
        value = int(text)
        if value < low:
            raise argparse.ArgumentTypeError(f"{text} is too small, at least {low}")
        return value

    number.__name__ = "whole number"
    return number


def seconds(text: str) -> float:
    """An argument's type: a positive number of seconds."""
    value = float(text.removesuffix("s"))
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def span(text: str) -> float:
    """An argument's type: a length of time such as 90s, 15m, 2h or 7d, in seconds."""
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time, such as 90s, 15m, 2h or 7d")
    return value


def act(parser: Parser, words: list[str]) -> int:
    """Parses the words of a verb with parts and does what the part does."""
    found = read(parser, words)
    return int(found.act(found))


def api_of(found: argparse.Namespace) -> "Api":
    """The control plane that the words, the environment or the file name."""
    from paddock.cli.api import Api
    from paddock.cli.credentials import Credentials

    settings = settings_of(found)
    return Api(settings.server, credentials=Credentials(settings.server, settings.home, settings.program_token()))


def bearer_of(found: argparse.Namespace) -> str:
    """What proves to that control plane who asks; empty where nothing does."""
    from paddock.cli.credentials import Credentials

    settings = settings_of(found)
    return Credentials(settings.server, settings.home, settings.program_token()).bearer()
