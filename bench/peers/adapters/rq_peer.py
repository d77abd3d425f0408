# mypy: ignore-errors
"""RQ: SimpleWorker, which does not fork for each job; jobs enqueued through a pipeline."""

import redis
from contract import batches, given, main, options, ran, ready
from rq import Queue, SimpleWorker
from rq.registry import FinishedJobRegistry

connection = redis.Redis.from_url(given["url"])
queue = Queue("jobs", connection=connection)


def noop(payload):
    ran(payload)


class Load:
    def flood(self, payloads):
        for some in batches(payloads, options["insert"]):
            queue.enqueue_many([Queue.prepare_data("rq_peer.noop", args=(payload,)) for payload in some])

    def put(self, payload):
        queue.enqueue("rq_peer.noop", payload)

    def outcomes(self):
        return connection.zcard(FinishedJobRegistry(queue=queue).key)


def work():
    worker = SimpleWorker([queue], connection=connection)
    ready()
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    main(lambda: None, Load, work)
