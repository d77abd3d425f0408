"""The probe tells the truth about the host, and what to type when it cannot contain."""

import shutil
from pathlib import Path

import pytest

from paddock.sandbox import box as boxes
from paddock.sandbox import measure, probe, seccomp
from paddock.sandbox.probe import Containment


def test_what_it_says_is_a_class_with_a_reason(traversable_tmp: Path) -> None:
    found = probe(traversable_tmp)
    assert found.cls == "contained" or (found.reason and found.hint)
    assert probe(traversable_tmp) is found
    assert list(traversable_tmp.iterdir()) == []


def test_a_host_without_bubblewrap_is_told_the_command(traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path: None if name == "bwrap" else which(name, path=path))
    boxes.program.cache_clear()
    try:
        assert probe(traversable_tmp) == Containment(
            "none", False, "bwrap is not installed on this host", "apt-get install bubblewrap"
        )
    finally:
        boxes.program.cache_clear()


def test_a_breach_is_found(traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_fence = [word for word in boxes._FENCE if word != "--unshare-net"]
    monkeypatch.setattr(boxes, "_FENCE", open_fence)
    found = probe(traversable_tmp)
    assert found.cls == "none"
    assert "network" in found.reason


def test_a_processor_without_a_filter_contains_nothing(traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "riscv64")
        seccomp.program.cache_clear()
        found = measure(traversable_tmp)
    seccomp.program.cache_clear()
    assert (found.cls, "riscv64" in found.reason) == ("none", True)
    assert probe(traversable_tmp) is found  # until it is measured anew
    assert measure(traversable_tmp) != found
