# mypy: ignore-errors
"""arq: many jobs at a time, results in Redis, a short poll."""

import asyncio

import redis
import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker
from contract import batches, count_keys, given, main, options, ran, ready

settings = RedisSettings.from_dsn(given["url"])


async def noop(_context, payload):
    ran(payload)


class Load:
    def __init__(self, pool):
        self._pool = pool
        self._redis = redis.Redis.from_url(given["url"])

    async def flood(self, payloads):
        for some in batches(payloads, options["window"]):
            await asyncio.gather(*(self._pool.enqueue_job("noop", payload) for payload in some))

    async def put(self, payload):
        await self._pool.enqueue_job("noop", payload)

    def outcomes(self):
        return count_keys(self._redis, "arq:result:*")


async def load():
    return Load(await create_pool(settings))


async def work():
    async def started(_context):
        ready()

    worker = Worker(
        [noop],
        redis_settings=settings,
        on_startup=started,
        max_jobs=options["concurrency"],
        queue_read_limit=options["read"],
        poll_delay=options["poll_s"],
        log_results=False,
    )
    await worker.async_run()


if __name__ == "__main__":
    uvloop.install()
    main(lambda: None, load, work)
