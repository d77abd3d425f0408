"""The signer's socket: who connects is known by the kernel's word, and each connection is answered in turn."""

import logging
import socket
import struct
import threading

import msgspec

from paddock.signer.office import Office
from paddock.wire.signer import HEAD, MAX_FRAME, asks, frame

_log = logging.getLogger("paddock.signer")
_CREDENTIALS = struct.Struct("3i")
MOST_CLIENTS = 64


def peer(link: socket.socket) -> tuple[int, int]:
    """The process and the user at the other end of a local socket."""
    pid, uid, _ = _CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


class Service:
    """Answers everybody on the socket who runs as one of these users."""

    def __init__(self, office: Office, users: frozenset[int]) -> None:
        self._office = office
        self._users = users
        self._one = threading.Lock()
        self._room = threading.Semaphore(MOST_CLIENTS)

    def run(self, listening: socket.socket) -> None:
        """Serves for ever."""
        while True:
            link, _ = listening.accept()
            pid, uid = peer(link)
            if uid not in self._users or not self._room.acquire(blocking=False):
                _log.warning("process %d of user %d was turned away", pid, uid, extra={"action": "signer.turned_away"})
                link.close()
                continue
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        try:
            with link:
                while body := _receive(link):
                    with self._one:
                        answer = frame(self._office.answer(asks.decode(body)))
                    link.sendall(answer)
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("a connection was ended: %s", error, extra={"action": "signer.ended"})
        finally:
            self._room.release()


def _receive(link: socket.socket) -> bytes:
    """The next frame's body; nothing when the other end has gone. Raises: OSError."""
    head = link.recv(HEAD, socket.MSG_WAITALL)
    if len(head) < HEAD:
        return b""
    size = int.from_bytes(head, "big")
    if not 0 < size <= MAX_FRAME:
        raise OSError(f"a frame of {size:,} bytes")
    body = link.recv(size, socket.MSG_WAITALL)
    return body if len(body) == size else b""
