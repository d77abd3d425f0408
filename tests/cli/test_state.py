"""`paddock state` as a user types it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from support.fleet import Fleet
from support.places import make_traversable, remove_tree


@pytest.fixture(scope="module")
def plane() -> Iterator[Fleet]:
    """A control plane with one project."""
    folder = make_traversable()
    try:
        with Fleet(folder, beat=5.0, lease=30.0) as made:
            yield made
    finally:
        remove_tree(folder)


def test_a_key_is_set_listed_shown_and_deleted(plane: Fleet) -> None:
    owner = "project:shop"
    assert plane.cli("state", "list", owner).stdout == "no keys\n"
    said = plane.cli("state", "set", owner, "a key", "green", "--new", "--ttl", "2h")
    revision = said.stdout.split()[-1]
    assert (said.returncode, revision[0]) == (0, "r")
    again = plane.cli("state", "set", owner, "a key", "red", "--new")
    assert again.returncode == 1 and again.stderr == (
        f"paddock: 'a key' is there already (the revision there is {revision})\n"
    )
    (plane.folder / "value").write_bytes(b"\0\xff")
    assert plane.cli("state", "set", owner, "file", "--file", "value").returncode == 0
    [first, second] = json.loads(plane.cli("state", "list", owner, "--json").stdout)
    assert (first["key"], first["etag"], first["content_type"], second["size"]) == ("a key", revision, "text/plain", 2)
    assert plane.cli("state", "get", owner, "a key").stdout == "green"
    assert plane.cli("state", "delete", owner, "a key", "--if-match", "r0").returncode == 1
    assert plane.cli("state", "delete", owner, "a key", "--if-match", revision).returncode == 0
    gone = plane.cli("state", "get", owner, "a key")
    assert (gone.returncode, gone.stderr) == (2, "paddock: no key 'a key'\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list", "planet:x"), 2),
        (("list", "project:nobody"), 2),
        (("set", "project:shop", "k"), 2),
        (("set", "project:shop", "k", "--file", "none"), 2),
        (("list", "project:shop", "--server", "http://127.0.0.1:1"), 3),
    ],
)
def test_what_cannot_be_is_said_in_a_line(plane: Fleet, words: tuple[str, ...], code: int) -> None:
    said = plane.cli("state", *words)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (code, "", 1)
    assert said.stderr.startswith("paddock: ")


def test_a_server_that_is_no_control_plane_is_told_as_that(plane: Fleet) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(other.serve_forever, 0.05)
        said = plane.cli("state", "list", "project:shop", "--server", f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
        serving.result()
    assert (said.returncode, "does not look like a control plane" in said.stderr) == (3, True)
