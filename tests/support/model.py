"""A model's endpoint as far as a coding agent can tell: HTTPS, refuses who has no key, answers with tool calls."""

import contextlib
import http.server
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

Answer = Callable[[str, bytes], bytes]


def certificate(folder: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    made = folder / "localhost.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words += ["-keyout", str(made), "-out", str(folder / "cert.pem")]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    with made.open("ab") as file:
        file.write((folder / "cert.pem").read_bytes())
    (folder / "cert.pem").chmod(0o644)
    return made


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of a client that was ended while it was being answered."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Model:
    """Serves `answer(path, body)` to requests whose header holds the key; remembers what was asked, and how.

    A path that ends with /echo answers with the request's own header fields, in chunks.
    """

    def __init__(self, folder: Path, key: str, answer: Answer, header: str = "x-api-key") -> None:
        self.seen: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    body = self._body()
                except ValueError:  # it broke off
                    self.close_connection = True
                    return
                model.seen.append({"line": self.requestline, **{n.lower(): v for n, v in self.headers.items()}})
                model.bodies.append(body)
                if key not in self.headers.get(header, ""):
                    self._send(401, b"no key")
                elif self.path.endswith("/echo"):
                    self._echo()
                else:
                    self._send(200, answer(self.path, body))

            do_GET = do_POST

            def _body(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                out = b""
                while size := int(self.rfile.readline(), 16):
                    out += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return out

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _echo(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.send_header("X-Told", key)
                self.end_headers()
                text = json.dumps(dict(self.headers.items())).encode()
                for part in (text[at : at + 7] for at in range(0, len(text), 7)):  # never whole in one piece
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        self.ca = folder / "cert.pem"
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self._server.serve_forever(0.05)

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
