"""Patterns as sets of paths: whether two can take the same path, and whether one takes all that another does."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product

from paddock.core.scope import matches

# A character that no pattern treats as anything but itself, for "some letter".
_SOME = "\x01"


@lru_cache(8_192)
def overlap(one: str, other: str) -> bool:
    """Whether some path is taken by both patterns."""
    return _meet(tuple(one.split("/")), tuple(other.split("/")))


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return not one and not other
    if one == ("**",) or other == ("**",):
        return True
    if other[0] == "**" and one[0] != "**":
        one, other = other, one
    if one[0] == "**":
        return _meet(one[1:], other) or _meet(one, other[1:])
    return _segments_meet(one[0], other[0]) and _meet(one[1:], other[1:])


@lru_cache(8_192)
def _segments_meet(one: str, other: str) -> bool:
    if not one or not other:
        return not (one + other).strip("*")
    if other[0] == "*" and one[0] != "*":
        one, other = other, one
    if one[0] == "*":
        return _segments_meet(one[1:], other) or _segments_meet(one, other[1:])
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _segments_meet(one[1:], other[1:])


@lru_cache(8_192)
def covers(wide: str, narrow: str) -> bool:
    """Whether `wide` surely takes every path that `narrow` takes; it may say no where a closer look would say yes."""
    return wide == narrow or all(matches(wide, path) for path in _samples(narrow))


def _samples(pattern: str) -> Iterable[str]:
    """Paths of every shape that tells: `*` as nothing, one letter and more, `**` at several depths and lengths."""
    parts = pattern.split("/")
    for letters, depth, length in product(range(4), range(4), range(1, 4)):
        out: list[str] = []
        for at, part in enumerate(parts):
            if part == "**":
                out += [_SOME * length] * max(depth, 1 if at == len(parts) - 1 else 0)
            else:
                out.append(part.replace("*", _SOME * letters).replace("?", _SOME))
        if all(out):
            yield "/".join(out)
