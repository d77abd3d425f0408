"""Passwords: argon2id in threads of their own, a few at a time, so that nobody else waits for them."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from paddock.core.errors import Overloaded

T = TypeVar("T")
# 88 ms of one core on the machine of docs/adr/0023: three passes over 32 MiB, above what RFC 9106 asks at least.
PASSES, KIB = 3, 32 << 10
THREADS = 2
# Who comes when so many wait is told to come again: 32 MiB each, and a second's wait at most.
MOST_WAITING = 20


class Passwords:
    """Hashes and verifies passwords. The library is loaded with the first one."""

    def __init__(self, passes: int = PASSES, kib: int = KIB) -> None:
        self._passes, self._kib = passes, kib
        self._waiting = 0
        self._pool: ThreadPoolExecutor | None = None
        self._nobody: str = ""

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises: Overloaded."""
        return await self._run(lambda: self._hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one of a hash; with no hash the same work is done, and it is not.

        Raises: Overloaded.
        """

        def work() -> bool:
            # Made at the first try of any kind, so that it tells nothing of whose name was tried.
            self._nobody = self._nobody or self._hash(secrets.token_urlsafe())
            good = self._verify(kept or self._nobody, password)
            return good and kept is not None

        return await self._run(work)

    def close(self) -> None:
        """Lets go of the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Overloaded("too many log in at this moment", retry_after=2)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        from argon2 import PasswordHasher

        hasher = PasswordHasher(time_cost=self._passes, memory_cost=self._kib, parallelism=1)
        return hasher.hash(password.encode(errors="surrogatepass"))

    def _verify(self, kept: str, password: str) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import Argon2Error, InvalidHashError

        try:
            return PasswordHasher().verify(kept, password.encode(errors="surrogatepass"))
        except (Argon2Error, InvalidHashError):
            return False
