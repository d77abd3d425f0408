"""Lines of source in a few colours: comments, texts, numbers and keywords, told apart line by line.

Good enough to read a change by: what spans lines, such as a long comment, is not known to a hunk anyway.
"""

import re
from functools import lru_cache
from pathlib import PurePosixPath

# (class, text); an empty class is plain.
Part = tuple[str, str]
# Longer ones stay plain: they are rarely written by people, and a page is not to be kept busy by one.
LONGEST = 400

_TEXT = r'"(?:\\.|[^"\\])*"?|\'(?:\\.|[^\'\\])*\'?'
_NUMBER = r"\b\d[\w.]*"
_HASH, _SLASH, _DASH = r"#.*", r"//.*|/\*.*?(?:\*/|$)|^\s*\*(?:\s.*|/)?$", r"--.*"
_PYTHON = """False None True and as assert async await break case class continue def del elif else except finally
for from global if import in is lambda match nonlocal not or pass raise return self try while with
yield"""
_SHELL = "case do done elif else esac exit export fi for function if in local return set then trap unset until while"
_BRACES = """abstract async await bool boolean break case catch char class const continue default defer delete do
double else enum export extends extern false final finally float fn for func function go goto if
impl implements import in int interface let long loop match mod module mut namespace new nil null
package private protected pub public range return select self short sizeof static struct super
switch template this throw trait true try type typedef typeof unsafe unsigned use using var virtual
void volatile where while with yield"""
_SQL = """add all alter and as asc begin by case check coalesce commit conflict constraint create default
delete desc distinct drop else end exists foreign from group having if in index insert integer into
is join key left limit not null on or order primary references returning rollback select set table
text then unique update using values view when where with"""
_DATA = "false no null off on true yes"
_FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("py pyi", _HASH, _PYTHON),
    ("sh bash zsh mk makefile dockerfile rb pl", _HASH, _SHELL),
    ("yaml yml toml ini cfg conf toon", _HASH, _DATA),
    ("json", r"(?!)", _DATA),
    ("sql lua hs", _DASH, _SQL),
    ("c h cc cpp hpp cs go java js jsx mjs ts tsx kt rs scala swift php css scss zig", _SLASH, _BRACES),
)


@lru_cache(32)
def _pattern(comment: str, words: str) -> re.Pattern[str]:
    keywords = "|".join(words.split())
    flags = re.IGNORECASE if words is _SQL else 0
    return re.compile(rf"(?P<s>{_TEXT})|(?P<c>{comment})|(?P<n>{_NUMBER})|(?P<k>\b(?:{keywords})\b)", flags)


@lru_cache(256)
def _family(ending: str) -> re.Pattern[str] | None:
    found = next((one for one in _FAMILIES if ending in one[0].split()), None)
    return _pattern(*found[1:]) if found else None


def parts(path: str, text: str) -> list[Part]:
    """The line in parts, which together are the line; one plain part where the file's ending says nothing."""
    name = PurePosixPath(path).name.lower()
    pattern = _family(name.rpartition(".")[2])
    if pattern is None or len(text) > LONGEST:
        return [("", text)]
    out: list[Part] = []
    at = 0
    for found in pattern.finditer(text):
        if not found[0]:
            continue
        if found.start() > at:
            out.append(("", text[at : found.start()]))
        out.append((found.lastgroup or "", found[0]))
        at = found.end()
    return [*out, ("", text[at:])] if at < len(text) or not out else out
