"""Identifiers: a prefix letter and twenty base32 characters that sort by time."""

from collections.abc import Callable
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 10
_ENTROPY_CHARS = 10
ENTROPY_BITS = _ENTROPY_CHARS * 5
LENGTH = _TIME_CHARS + _ENTROPY_CHARS


# Two characters at a time.
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def _encode(value: int, chars: int) -> str:
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(5 * chars - 10, -1, -10)])


def make(prefix: str, ms: int, entropy: int) -> str:
    """An id of `prefix` for the moment `ms` (epoch milliseconds) with `entropy` (50 bits) behind it.

    Ids order as (ms, entropy) do, so an index over them grows at its end only.
    """
    entropy &= (1 << ENTROPY_BITS) - 1
    return prefix + _head(ms, entropy >> 10) + _PAIRS[entropy & 1023]


@lru_cache(16)
def _head(ms: int, entropy: int) -> str:
    """All but the last pair: the ids of one batch have it in common."""
    return _encode(ms, _TIME_CHARS) + _encode(entropy, _ENTROPY_CHARS - 2)


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    return len(text) == LENGTH + 1 and text[0] == prefix and all(c in _ALPHABET for c in text[1:])


class Mint:
    """Hands out ids that rise even within one millisecond. Time comes from the caller, as does a source of entropy."""

    def __init__(self, entropy: Callable[[], int]) -> None:
        self._entropy = entropy
        self._last = (0, 0)

    def make(self, prefix: str, ms: int) -> str:
        """The next id; when the clock stands still or goes back, it counts on from the last one."""
        last_ms, last_entropy = self._last
        if ms <= last_ms:
            ms, entropy = last_ms, last_entropy + 1
        else:
            entropy = self._entropy() & ((1 << (ENTROPY_BITS - 1)) - 1)
        self._last = (ms, entropy)
        return make(prefix, ms, entropy)
