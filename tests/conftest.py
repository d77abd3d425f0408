"""Fixtures that every room of the tests may use."""

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import places, repos

if TYPE_CHECKING:
    from support.services import Databases

# Hundreds of processes import the same modules: where the environment forbids to keep them compiled, each of them
# compiles them anew, which is half of what it does until it serves.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test that is a coroutine function on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    # In a thread of its own: a browser that an earlier test opened keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, test).result()
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A browser that an earlier test of this process opened keeps a loop running; who wants none, sees none."""
    loop = asyncio._get_running_loop()
    if item.path.parent.name != "ui" and loop is not None:
        asyncio._set_running_loop(None)
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(loop)


@pytest.fixture
def traversable_tmp() -> Iterator[Path]:
    """A folder that other uids can reach, as a boxed job's must be; `tmp_path` is closed to them."""
    path = places.make_traversable()
    yield path
    places.remove_tree(path)


@pytest.fixture
def git_repo(tmp_path: Path) -> Callable[..., repos.Repo]:
    """Makes repositories: `git_repo("name", commits=3, bare=True)`; see `support.repos.make_repo`."""

    def make(
        name: str = "repo",
        commits: int = 1,
        *,
        bare: bool = False,
        branch: str = "main",
        files: Mapping[str, str] | None = None,
    ) -> repos.Repo:
        return repos.make_repo(tmp_path / name, commits, bare=bare, branch=branch, files=files)

    return make


@pytest.fixture
def free_port() -> int:
    """A TCP port on the loopback address that nobody listens at."""
    return places.free_port()


@pytest.fixture(scope="session")
def databases() -> Iterator["Databases"]:
    """Makes fresh databases on one PostgreSQL: `databases.create()` is a new one's address."""
    from support.services import Databases, Postgres

    given = os.environ.get("PADDOCK_TEST_POSTGRES")
    if given:
        yield Databases(given)
        return
    with Postgres() as server:
        yield Databases(server.dsn())


@pytest.fixture
def postgres(databases: "Databases") -> Iterator[str]:
    """The address of an empty database on a real PostgreSQL."""
    dsn = databases.create()
    yield dsn
    databases.drop(dsn)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a real Redis or Valkey for the whole session; `redis` is the one to use."""
    from support.services import Redis

    given = os.environ.get("PADDOCK_TEST_REDIS")
    if given:
        yield given
        return
    with Redis() as server:
        yield server.url()


@pytest.fixture
def redis(redis_url: str) -> str:
    """The address of a real Redis or Valkey that was just emptied."""
    from support.services import empty

    empty(redis_url)
    return redis_url
