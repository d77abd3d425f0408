# mypy: ignore-errors
"""Celery: prefork, results in Redis."""

import redis
from celery import Celery
from celery.signals import worker_ready
from contract import count_keys, given, main, options, ran, ready

app = Celery("peer", broker=given["url"], backend=given["url"])
app.conf.update(
    worker_prefetch_multiplier=options["prefetch"],
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=2,
)


@app.task(name="noop")
def noop(payload):
    ran(payload)


class Load:
    def __init__(self):
        self._redis = redis.Redis.from_url(given["url"])

    def flood(self, payloads):
        with app.producer_or_acquire() as producer:
            for payload in payloads:
                noop.apply_async((payload,), producer=producer)

    def put(self, payload):
        noop.apply_async((payload,))

    def outcomes(self):
        return count_keys(self._redis, "celery-task-meta-*")


def work():
    worker_ready.connect(lambda **_: ready(), weak=False)
    words = ["worker", f"--pool={options['pool']}", f"--concurrency={options['concurrency']}", "--loglevel=ERROR"]
    app.worker_main([*words, "--without-gossip", "--without-mingle", "--without-heartbeat"])


if __name__ == "__main__":
    main(lambda: None, Load, work)
