"""Tables that fit a terminal: no word is broken, so that an id can be copied; texts wrap, spare columns go first."""

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap

GAP = 2
# A text of several words gets at least this width, if it is as long.
TEXT = 16


def fit(rows: Sequence[Sequence[str]], spare: Sequence[int], room: int) -> list[list[str]]:
    """Lines of cells for rows of which the first holds the titles, padded to columns within `room` characters.

    Where words do not fit side by side, columns that are empty are left out, then those of `spare` in their order.
    What still does not fit is as wide as its words: the terminal wraps it, and nothing in it is broken.
    """
    kept = list(range(len(rows[0])))
    for at in [*(at for at in kept if not any(row[at] for row in rows[1:])), *spare]:
        if _width([_least(rows, at) for at in kept]) <= room:
            break
        if at in kept:
            kept.remove(at)
    least = [_least(rows, at) for at in kept]
    widths, left = [], room - _width(least)
    for at, narrow in zip(kept, least, strict=True):
        more = max(0, min(left, max(len(row[at]) for row in rows) - narrow))
        widths.append(narrow + more)
        left -= more
    return [line for row in rows for line in _lines([row[at] for at in kept], widths)]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _least(rows: Sequence[Sequence[str]], at: int) -> int:
    words = max(len(word) for row in rows for word in (row[at].split() or [""]))
    return max(words, *(min(len(row[at]), TEXT) for row in rows[1:]), 0)


def _lines(cells: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    wrapped = [
        wrap(cell, width or 1, break_long_words=False, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [
        [part.ljust(width) for part, width in zip(parts, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue="")
    ]
