"""Where peers are installed: each in an environment of its own below `.tools/peers`, made once and kept."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import paddock
from bench.peers.table import NODE_PACKAGES, PYTHON_PACKAGES
from bench.report import say

ROOT = Path(__file__).parents[2] / ".tools" / "peers"
ADAPTERS = Path(__file__).with_name("adapters")
INSTALL_S = 240.0


class CannotInstall(Exception):
    """A peer is not to be had here; the message is the reason."""


def runtime(home: str) -> Path:
    """The interpreter of an environment, which is installed when it is not there. Raises: CannotInstall."""
    folder = ROOT / home
    folder.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{home}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "stamp"
        wanted = json.dumps(_wanted(home), sort_keys=True)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            say(f"peers: installing {home} in {folder}")
            _install_node(folder) if home == "node" else _install_python(folder, PYTHON_PACKAGES[home])
            stamp.write_text(wanted)
    return _node(folder) if home == "node" else folder / "bin" / "python"


def script(home: str, name: str) -> Path:
    """Where an adapter is to be run: Node looks for packages beside a script, so it gets copies there."""
    if home != "node":
        return ADAPTERS / name
    for path in ADAPTERS.glob("*.mjs"):
        shutil.copy(path, ROOT / home)
    return ROOT / home / name


def version(home: str, package: str) -> str:
    """The version of a package as the table pins it; without an environment, Paddock's own."""
    if not home:
        return paddock.__version__
    if home == "node":
        return NODE_PACKAGES[package]
    pins = (pin.partition("==") for pin in PYTHON_PACKAGES[home])
    return next(number for name, _, number in pins if name.partition("[")[0] == package)


def _wanted(home: str) -> object:
    return NODE_PACKAGES if home == "node" else [sys.version, *PYTHON_PACKAGES[home]]


def _node(folder: Path) -> Path:
    return folder / "node_modules" / "node" / "bin" / "node"


def _install_node(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotInstall("npm is not installed")
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": NODE_PACKAGES}))
    _run([npm, "install", "--no-audit", "--no-fund"], folder)
    if not _node(folder).exists():
        raise CannotInstall("npm brought no Node")


def _install_python(folder: Path, pins: tuple[str, ...]) -> None:
    base = getattr(sys, "_base_executable", None) or sys.executable
    shutil.rmtree(folder)
    _run([base, "-m", "venv", str(folder)], folder.parent)
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins], folder)


def _run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"{Path(command[0]).name} took more than {INSTALL_S:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line] or done.stderr.splitlines()[-1:]
        raise CannotInstall(f"{Path(command[0]).name}: {' '.join(lines[-1:])[:200]}")
