"""Bytes between two sockets, both ways, within a budget and a patience: one thread a direction."""

import contextlib
import socket
import threading
import time

BUFFER = 512 << 10


class Budget:
    """The bytes that all connections of one run may move together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Whether so many more may pass."""
        with self._lock:
            self._left -= count
            return self._left >= 0


class Relay:
    """One connection. `out` and `back` count the bytes; `why` says how it ended."""

    def __init__(self, inner: socket.socket, outer: socket.socket, budget: Budget, idle_s: float) -> None:
        self._inner = inner
        self._outer = outer
        self._budget = budget
        self._idle_s = idle_s
        self._last = time.monotonic()
        self.out = 0
        self.back = 0
        self.why = "closed"

    def run(self) -> None:
        """Moves bytes until both sides are done, or one breaks off."""
        for each in (self._inner, self._outer):
            each.settimeout(self._idle_s)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=self._pump, args=(self._inner, self._outer, True), daemon=True)
        up.start()
        self._pump(self._outer, self._inner, False)
        up.join()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        buffer = memoryview(bytearray(BUFFER))
        try:
            while count := self._receive(source, buffer):
                if not self._budget.take(count):
                    self._break("the run has moved as many bytes as it may")
                    return
                target.sendall(buffer[:count])
                self._last = time.monotonic()
                if up:
                    self.out += count
                else:
                    self.back += count
            target.shutdown(socket.SHUT_WR)
        except TimeoutError:
            self._break(f"idle for {self._idle_s:.0f} s")
        except OSError:
            self._break(self.why)

    def _receive(self, source: socket.socket, buffer: memoryview) -> int:
        """Bytes received; 0 at the end. Silence of one side counts only while the other is silent too."""
        while True:
            try:
                return source.recv_into(buffer)
            except TimeoutError:
                if time.monotonic() - self._last >= self._idle_s:
                    raise

    def _break(self, why: str) -> None:
        self.why = why
        for each in (self._inner, self._outer):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
