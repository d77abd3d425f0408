"""What a run leaves as a report is read as a plain file of its own, or not at all."""

import os
import threading
from pathlib import Path

import pytest

from paddock.sandbox.beneath import NotPlain, read_beneath


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "agent.key"
    path.write_text("secret")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def test_a_plain_file_is_read(out: Path) -> None:
    (out / "report").write_bytes(b"fine")
    assert read_beneath(out, "report", 100) == b"fine"
    with pytest.raises(FileNotFoundError):
        read_beneath(out, "none", 100)


def test_nothing_else_is(out: Path, secret: Path) -> None:
    (out / "link").symlink_to(secret)
    os.link(secret, out / "second-name")
    os.mkfifo(out / "pipe")
    (out / "folder").mkdir()
    (out / "up").symlink_to("..")
    with (out / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    for name in ("link", "second-name", "pipe", "folder", "up/agent.key", "../agent.key", "sparse", "/etc/passwd"):
        with pytest.raises(NotPlain):
            read_beneath(out, name, 1 << 20)


def test_a_path_that_changes_all_the_time_leads_nowhere(out: Path, secret: Path) -> None:
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            (out / "new").write_bytes(b"fine")
            (out / "new").rename(out / "report")
            (out / "new").symlink_to(secret)
            (out / "new").rename(out / "report")

    swapper = threading.Thread(target=swap)
    swapper.start()
    read = set()
    try:
        for _ in range(5_000):
            try:
                read.add(read_beneath(out, "report", 100))
            except (NotPlain, FileNotFoundError):
                continue
    finally:
        over.set()
        swapper.join()
    assert b"secret" not in read
