"""Bytes between two sockets, both ways, within a budget and a patience: one thread a direction."""

import contextlib
import socket
import threading
import time

from paddock.sandbox.egress_hello import Hello, OtherHost

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
    """One connection, whose greeting must be one that `hello` takes.

    `out` and `back` count the bytes; `why` says how it ended, `refused` whether for its greeting.
    """

    def __init__(
        self, inner: socket.socket, outer: socket.socket, budget: Budget, idle_s: float, hello: Hello | None = None
    ) -> None:
        self._inner = inner
        self._outer = outer
        self._budget = budget
        self._idle_s = idle_s
        self._hello = hello
        self._last = time.monotonic()
        self.out = 0
        self.back = 0
        self.why = "closed"
        self.refused = False

    def run(self, first: bytes = b"") -> None:
        """Moves bytes until both sides are done, or one breaks off; `first` came from inside already."""
        for each in (self._inner, self._outer):
            each.settimeout(self._idle_s)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=self._pump, args=(self._inner, self._outer, True, first), daemon=True)
        up.start()
        self._pump(self._outer, self._inner, False)
        up.join()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool, first: bytes = b"") -> None:
        buffer = memoryview(bytearray(BUFFER))
        try:
            if first and not self._pass(memoryview(first), target, up):
                return
            while count := self._receive(source, buffer):
                if not self._pass(buffer[:count], target, up):
                    return
            target.shutdown(socket.SHUT_WR)
        except TimeoutError:
            self._break(f"idle for {self._idle_s:.0f} s")
        except OtherHost as error:
            self.refused = True
            self._break(f"refused: {error}")
        except OSError:
            self._break(self.why)

    def _pass(self, data: memoryview, target: socket.socket, up: bool) -> bool:
        """Hands bytes on; False when the run has moved as many as it may."""
        if not self._budget.take(len(data)):
            self._break("the run has moved as many bytes as it may")
            return False
        self._last = time.monotonic()
        if up and self._hello is not None:
            greeting = self._hello.feed(bytes(data))
            if greeting is None:
                return True
            self._hello, data = None, memoryview(greeting)
        target.sendall(data)
        self._last = time.monotonic()
        if up:
            self.out += len(data)
        else:
            self.back += len(data)
        return True

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
