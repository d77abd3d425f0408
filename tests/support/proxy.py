"""A man in the middle: an HTTP proxy between an agent and its control plane that may change or drop answers."""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType

from support.model import Server

# Given path, request body and answer body; returns the answer to give, or None to hang up in place of one.
Alter = Callable[[str, bytes, bytes], bytes | None]


class Proxy:
    """Used as a context. `alter` may be changed at any time; the wake channel is not served, so beats come when due."""

    def __init__(self, port: int, alter: Alter) -> None:
        self.alter = alter
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    link.request("POST", self.path, body, dict(self.headers))
                    answer = link.getresponse()
                    status, told = answer.status, answer.read()
                except (OSError, http.client.HTTPException):  # the control plane is down: so is the way to it
                    self.close_connection = True
                    return
                finally:
                    link.close()
                altered = proxy.alter(self.path, body, told) if status == 200 else told
                if altered is None:
                    self.close_connection = True
                    return
                self.send_response_only(status)
                self.send_header("content-length", str(len(altered)))
                self.end_headers()
                self.wfile.write(altered)

            def do_GET(self) -> None:
                self.send_response_only(503)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
