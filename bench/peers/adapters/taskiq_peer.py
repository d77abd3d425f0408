# mypy: ignore-errors
"""Taskiq: a Redis stream with acknowledgements, results in Redis, uvloop."""

import asyncio

import redis
import uvloop
from contract import batches, count_keys, given, main, options, ran, ready
from taskiq.api import run_receiver_task
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

broker = RedisStreamBroker(url=given["url"], xread_count=options["read"], consumer_id="0").with_result_backend(
    RedisAsyncResultBackend(redis_url=given["url"])
)


@broker.task(task_name="noop")
async def noop(payload):
    ran(payload)


class Load:
    def __init__(self):
        self._redis = redis.Redis.from_url(given["url"])

    async def flood(self, payloads):
        for some in batches(payloads, options["window"]):
            await asyncio.gather(*(noop.kiq(payload) for payload in some))

    async def put(self, payload):
        await noop.kiq(payload)

    def outcomes(self):
        return count_keys(self._redis, "?" * 32)


async def load():
    await broker.startup()
    return Load()


async def _work():
    broker.is_worker_process = True
    receiving = asyncio.create_task(
        run_receiver_task(
            broker, max_async_tasks=options["concurrency"], max_prefetch=options["read"], run_startup=True
        )
    )
    ready()
    await receiving


if __name__ == "__main__":
    uvloop.install()
    main(lambda: None, load, _work)
