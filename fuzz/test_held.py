"""How long others wait while clients hold on to connections: under 500 ms, measured against a process."""

import socket
import time
from pathlib import Path

from support.fleet import Fleet
from support.guests import Guest

HELD, ASKED = 200, 200
MOST_MS = 500.0


class _At:
    """What a guest needs to know of a control plane."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"


def test_others_are_answered_while_clients_hold_on(tmp_path: Path) -> None:
    plane = Fleet(tmp_path)
    try:
        plane.start_control()
        json = "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        slow = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
        forms = [slow, *(f"POST {path} HTTP/1.1\r\n{json}".encode() for path in ("/v1/limits", "/v1/beat"))]
        links = []
        for number in range(3 * HELD):
            links.append(socket.create_connection(("127.0.0.1", plane.port)))
            links[-1].sendall(forms[number % 3])
        guest = Guest(_At(plane.port))  # type: ignore[arg-type]
        took = []
        for _ in range(ASKED):
            began = time.perf_counter()
            assert guest.get("/v1/fleet").status == 200
            took.append((time.perf_counter() - began) * 1_000)
        for link in links:
            link.close()
    finally:
        plane.__exit__(None, None, None)
    took.sort()
    print(
        f"{3 * HELD} held: p50 {took[ASKED // 2]:.1f} ms, p99 {took[ASKED * 99 // 100]:.1f} ms, most {took[-1]:.1f} ms"
    )
    assert took[-1] < MOST_MS
