"""The lines that git's protocol is made of."""

from collections.abc import Callable, Iterable

FLUSH = b"0000"
BETWEEN = b"0001"
LONGEST = 65_520


class Broken(Exception):
    """What came is no line of the protocol, or it ended too early."""


def line(data: bytes) -> bytes:
    """One line with its length before it."""
    return b"%04x" % (len(data) + 4) + data


class Reader:
    """Reads lines out of chunks that `more` brings; `more` gives nothing at the end."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._held = b""
        self._at = 0

    def _need(self, count: int) -> None:
        while len(self._held) - self._at < count:
            chunk = self._more()
            if not chunk:
                raise Broken("the remote ended in the middle of its answer")
            self._held = self._held[self._at :] + chunk
            self._at = 0

    def line(self) -> bytes | None:
        """The next line, None for a flush.

        Raises: Broken.
        """
        self._need(4)
        size = _size(self._held[self._at : self._at + 4])
        if size == 0:
            self._at += 4
            return None
        self._need(size)
        found = self._held[self._at + 4 : self._at + size]
        self._at += size
        return found

    def section(self) -> Iterable[bytes]:
        """The lines up to the next flush. Those that are here already come without a call each: there may be many.

        Raises: Broken.
        """
        while True:
            held, at = self._held, self._at
            while len(held) - at >= 4:
                size = _size(held[at : at + 4])
                if size == 0:
                    self._at = at + 4
                    return
                if len(held) - at < size:
                    break
                yield held[at + 4 : at + size]
                at += size
            self._at = at
            found = self.line()
            if found is None:
                return
            yield found


def _size(digits: bytes) -> int:
    try:
        size = int(digits, 16)
    except ValueError:
        raise Broken(f"the remote does not speak git: {digits!r}") from None
    if 0 < size < 4 or size > LONGEST:
        raise Broken("a line of the remote has no length")
    return size
