"""The wizard's web server: on the loopback address, for the one browser that has opened the link, and no foreign page.

The link opens once and gives the browser a cookie; without it nothing is answered. Names that were rebound to this
address are refused by `Host`, other sites' requests by `Origin` and by the type of the body, which no form has.
"""

import hmac
import http.server
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import CookieError, SimpleCookie
from importlib import resources
from typing import Any

from paddock.cli.wizard import Wizard, problem
from paddock.core.errors import PaddockError

HOST = "127.0.0.1"
COOKIE = "paddock-wizard"
MOST = 16_384
# Seconds that a client may take to send a request.
SLOW_S = 15
_FILES = {
    "/": ("wizard.html", "text/html"),
    "/wizard.js": ("wizard.js", "text/javascript"),
    "/wizard.css": ("wizard.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, wizard: Wizard) -> None:
        super().__init__((HOST, 0), _Handler)
        self.wizard = wizard
        self.name = f"{HOST}:{self.server_port}"
        self.link, self.session = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.opened = threading.Lock()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = SLOW_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path
        if self.headers.get("Host") != self.server.name:
            self._refuse(403, "this page is for this machine alone")
        elif hmac.compare_digest(path.encode(), f"/begin/{self.server.link}".encode()):
            self._begin()
        elif not self._known():
            self._refuse(403, "open the link that paddock onboard printed; it is good once")
        elif path == "/state":
            self._tell(200, self.server.wizard.progress() | {"offers": self.server.wizard.offers()})
        elif path in _FILES:
            name, kind = _FILES[path]
            body = resources.files("paddock.cli").joinpath("wizard_files", name).read_bytes()
            self._send(200, body, f"{kind}; charset=utf-8")
        else:
            self._refuse(404, "there is no such page")

    def do_POST(self) -> None:
        plain = (self.headers.get("Content-Type") or "").split(";")[0] == "application/json"
        size = self.headers.get("Content-Length") or ""
        if self.headers.get("Host") != self.server.name or self.headers.get("Origin") != f"http://{self.server.name}":
            self._refuse(403, "the request comes from another site's page")
        elif not self._known() or not plain or not size.isdigit() or int(size) > MOST:
            self._refuse(403, "the request is not the wizard's")
        elif self.path == "/begin":
            self._act(self.rfile.read(int(size)))
        elif self.path == "/finish" and self.server.wizard.progress()["step"] == "live":
            self._tell(200, {})
            self.server.wizard.finished.set()
        else:
            self._refuse(404, "there is nothing to do")

    def _begin(self) -> None:
        """Gives the first browser that has opened the link its cookie."""
        if not self.server.opened.acquire(blocking=False):
            self._refuse(410, "the link was opened before; stop paddock onboard and start it again")
            return
        cookie = f"{COOKIE}={self.server.session}; HttpOnly; SameSite=Strict; Path=/"
        self._send(303, b"", "text/plain", {"Location": "/", "Set-Cookie": cookie})

    def _known(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        return COOKIE in cookies and hmac.compare_digest(cookies[COOKIE].value.encode(), self.server.session.encode())

    def _act(self, body: bytes) -> None:
        try:
            self._tell(200, self.server.wizard.begin(json.loads(body)))
        except PaddockError as error:
            self._tell(400, problem(error))
        except ValueError:
            self._refuse(400, "the request is no JSON")

    def _refuse(self, status: int, words: str) -> None:
        self.close_connection = True
        self._send(status, f"{words}\n".encode(), "text/plain; charset=utf-8", {"Connection": "close"})

    def _tell(self, status: int, found: dict[str, Any]) -> None:
        self._send(status, json.dumps(found).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "paddock"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what is asked for may hold a link."""


@contextmanager
def serving(wizard: Wizard) -> Iterator[str]:
    """Serves the wizard in a thread; yields the link that opens it."""
    server = _Server(wizard)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield f"http://{server.name}/begin/{server.link}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
