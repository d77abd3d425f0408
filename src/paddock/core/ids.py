"""Identifiers: a prefix letter and twenty base32 characters that sort by time."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 10
_ENTROPY_CHARS = 10
ENTROPY_BITS = _ENTROPY_CHARS * 5
LENGTH = _TIME_CHARS + _ENTROPY_CHARS


def _encode(value: int, chars: int) -> str:
    out = []
    for _ in range(chars):
        out.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(out))


def make(prefix: str, ms: int, entropy: int) -> str:
    """An id of `prefix` for the moment `ms` (epoch milliseconds) with `entropy` (50 bits) behind it.

    Ids order as (ms, entropy) do, so an index over them grows at its end only.
    """
    return prefix + _encode(ms, _TIME_CHARS) + _encode(entropy & ((1 << ENTROPY_BITS) - 1), _ENTROPY_CHARS)


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    return len(text) == LENGTH + 1 and text[0] == prefix and all(c in _ALPHABET for c in text[1:])


class Mint:
    """Hands out ids that rise even within one millisecond. Time and entropy come from the caller."""

    def __init__(self) -> None:
        self._last = (0, 0)

    def make(self, prefix: str, ms: int, entropy: int) -> str:
        """The next id; when the clock stands still or goes back, it counts on from the last one."""
        last_ms, last_entropy = self._last
        if ms <= last_ms:
            ms, entropy = last_ms, last_entropy + 1
        else:
            entropy &= (1 << (ENTROPY_BITS - 1)) - 1
        self._last = (ms, entropy)
        return make(prefix, ms, entropy)
