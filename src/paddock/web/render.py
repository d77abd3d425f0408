"""How facts become HTML: one Jinja2 environment in which no value can become markup, and the headers of every page."""

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from paddock import __version__
from paddock.core import money
from paddock.core.people import NOBODY, Who
from paddock.core.states import WAITS
from paddock.web import svg

HERE = Path(__file__).parent
STATIC = HERE / "static"

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types pages"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Escape sequences of terminals: control sequences, strings up to their end, and two-character ones.
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-OQ-WYZ`-~=>])"
)
# What would hide or turn text around: control characters, direction marks, invisible ones, halves of surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_JSON_ROOM = 12_000
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


def now_ms() -> int:
    """The present moment in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\u27e8U+{code:04X}\u27e9"


def visible(text: str) -> str:
    """The text with every hidden character shown as a mark; line breaks and tabs stay."""
    return _HIDDEN.sub(_mark, text)


def plain_log(text: str) -> str:
    """What a terminal would show of a log, colours dropped, in lines."""
    return _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _finalize(value: Any) -> Any:
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def span(ms: int) -> str:
    """A length of time in its two largest words."""
    if ms < 10 * _SECOND:
        return f"{max(ms, 0) / _SECOND:.1f} s"
    if ms < _MINUTE:
        return f"{ms // _SECOND} s"
    if ms < _HOUR:
        return _two(ms, _MINUTE, "min", _SECOND, "s") if ms < 10 * _MINUTE else f"{ms // _MINUTE} min"
    if ms < 2 * _DAY:
        return _two(ms, _HOUR, "h", _MINUTE, "min")
    return f"{ms // _DAY} d"


def _two(ms: int, large: int, word: str, small: int, less: str) -> str:
    rest = ms % large // small
    return f"{ms // large} {word} {rest} {less}" if rest else f"{ms // large} {word}"


def _short(ms: int) -> str:
    for size, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if ms >= size:
            return f"{ms // size} {word}"
    return f"{max(ms, 0) // _SECOND} s"


def ago(at: int | None, now: int) -> Markup:
    """A moment as its age, with the full time for those who point at it."""
    if not at:
        return Markup("")
    when = datetime.fromtimestamp(at / 1_000, UTC)
    words = Markup('<time datetime="{}" title="{}">{}</time>')
    return words.format(f"{when:%Y-%m-%dT%H:%M:%SZ}", f"{when:%Y-%m-%d %H:%M:%S} UTC", _short(now - at))


def link(path: str, *parts: str, **query: object) -> str:
    """An address on this server; parts and query values may hold anything."""
    address = "/".join([path, *(quote(part, safe="") for part in parts)])
    given = {key: value for key, value in query.items() if value not in (None, "", False)}
    return f"{address}?{urlencode(given)}" if given else address


def as_json(value: object) -> str:
    """A value as JSON that people read, cut to what a page can hold."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= _JSON_ROOM else f"{text[:_JSON_ROOM]}\n… {len(text) - _JSON_ROOM:,} more characters"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(span=span, ago=ago, json=as_json, money=money.short)
    environment.globals.update(link=link, svg=svg, version=__version__, waits=WAITS)
    return environment


_pages = _environment()


def page(template: str, data: Mapping[str, Any], *, path: str, who: Who = NOBODY, status: int = 200) -> HTMLResponse:
    """A page of `template` over `data`; `path` is the address it is seen under, `who` sees it."""
    html = _pages.get_template(template).render(**data, path=path, now=now_ms(), who=who)
    return HTMLResponse(html, status_code=status, headers=HEADERS)
