"""The push channels: one says *beat now* and nothing else, so that losing it costs time and never truth."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from paddock.control.beat import stopped_listening
from paddock.control.plane import Control
from paddock.core.errors import Overloaded
from paddock.web import files

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("paddock.web")
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}
_AWAKE = {"type": "http.response.body", "body": b": awake\n\n", "more_body": True}
_BEAT = {"type": "http.response.body", "body": b"data: beat\n\n", "more_body": True}
_END = {"type": "http.response.body", "body": b"", "more_body": False}
# Seconds after which one who found no room should come again.
_LATER_S = 60


class _Channel:
    """The bus's way to one agent. A listener that costs no task: most channels say nothing for hours."""

    __slots__ = ("_ended", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._ended = False

    def wake(self) -> None:
        """Says it, unless the agent has left so much unread that one more says nothing new."""
        if not self._ended:
            _at_once(self._send(_BEAT))

    def end(self) -> None:
        """Ends the answer; the request's own task hears of it."""
        if not self._ended:
            self._ended = True
            _at_once(self._send(_END))


def _at_once(sending: Awaitable[None]) -> None:
    """Sends without waiting; what would have to wait for the other side to read is dropped."""
    step = sending.__await__()
    try:
        next(step)
    except StopIteration:
        return
    step.close()


class Channels:
    """The wake channels that are open here. Beats must find open files, too: one that none is left for is not heard."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._many, self._most = files.channels()
        self._told = False
        self.open = 0

    @property
    def crowded(self) -> bool:
        """Whether connections should not be kept between beats: agents then take the files that are left in turn."""
        return self.open > self._many

    async def serve(self, agent: str, receive: Receive, send: Send) -> None:
        """Answers the request of an agent, whose bearer is good, until one of both goes. Raises: Overloaded."""
        self._admit()
        known = self._control.fleet.get(agent)
        channel = _Channel(send)
        await send(_START)
        await send(_AWAKE)
        self.open += 1
        if known is not None:
            known.listening += 1
        self._control.bus.listen(agent, channel)
        try:
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            self._control.bus.unlisten(agent, channel)
            self.open -= 1
            if known is not None:
                known.listening -= 1
                if not known.listening:
                    stopped_listening(self._control, known)

    def _admit(self) -> None:
        if self.open < self._most:
            return
        if not self._told:
            self._told = True
            _log.warning(
                "%d wake channels are open and more have no room; agents without one hear of jobs at their next beat: "
                "raise the limit of open files (LimitNOFILE=, ulimit -Hn)",
                self.open,
                extra={"action": "wake.full"},
            )
        raise Overloaded("there is no room for another wake channel", retry_after=_LATER_S)
