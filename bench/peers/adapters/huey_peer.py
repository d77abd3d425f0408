# mypy: ignore-errors
"""Huey: worker threads on a blocking queue in Redis, results in a Redis hash."""

import logging

from contract import given, main, options, ran, ready
from huey import RedisHuey

logging.disable(logging.INFO)
huey = RedisHuey("jobs", url=given["url"], store_none=True, utc=True)


@huey.task()
def noop(payload):
    ran(payload)


class Load:
    def flood(self, payloads):
        for payload in payloads:
            noop(payload)

    def put(self, payload):
        noop(payload)

    def outcomes(self):
        return huey.result_count()


def work():
    consumer = huey.create_consumer(workers=options["threads"], worker_type="thread", periodic=False)
    ready()
    consumer.run()


if __name__ == "__main__":
    main(lambda: None, Load, work)
