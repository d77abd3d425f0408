# mypy: ignore-errors
"""Dramatiq: worker threads, results in Redis."""

import signal
import threading

import dramatiq
import redis
from contract import count_keys, given, main, options, ran, ready
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

broker = RedisBroker(url=given["url"])
broker.add_middleware(Results(backend=RedisBackend(url=given["url"]), store_results=True))
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="jobs")
def noop(payload):
    ran(payload)


class Load:
    def __init__(self):
        self._redis = redis.Redis.from_url(given["url"])

    def flood(self, payloads):
        for payload in payloads:
            noop.send(payload)

    def put(self, payload):
        noop.send(payload)

    def outcomes(self):
        return count_keys(self._redis, "?" * 32)


def work():
    worker = dramatiq.Worker(broker, worker_threads=options["threads"])
    worker.start()
    ready()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    worker.stop()


if __name__ == "__main__":
    main(lambda: None, Load, work)
