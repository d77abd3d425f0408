# mypy: ignore-errors
"""DBOS: a durable queue in PostgreSQL, a thousand enqueued in one transaction, a short poll."""

import threading

import sqlalchemy
from contract import batches, given, main, options, ran, ready
from dbos import DBOS, DBOSClient

URL = given["url"].replace("postgresql://", "postgresql+psycopg://")
OPTIONS = {"queue_name": "jobs", "workflow_name": "noop"}


@DBOS.workflow(name="noop")
def noop(payload):
    ran(payload)


def _launch():
    DBOS(
        config={
            "name": "peer",
            "system_database_url": URL,
            "application_version": "1",
            "run_admin_server": False,
            "log_level": "ERROR",
            "sys_db_pool_size": options["pool"],
        }
    )
    DBOS.launch()
    DBOS.register_queue("jobs", polling_interval_sec=options["poll_s"], worker_concurrency=options["concurrency"])


class Load:
    def __init__(self):
        self._client = DBOSClient(system_database_url=URL)
        self._engine = sqlalchemy.create_engine(URL)

    def flood(self, payloads):
        for some in batches(payloads, options["insert"]):
            with self._engine.begin() as link:
                for payload in some:
                    self._client.enqueue_in_transaction(link, OPTIONS, payload)

    def put(self, payload):
        self._client.enqueue(OPTIONS, payload)

    def outcomes(self):
        with self._engine.connect() as link:
            counted = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS' AND name = 'noop'"
            return link.execute(sqlalchemy.text(counted)).scalar()


def setup():
    _launch()
    DBOS.destroy()


def work():
    _launch()
    ready()
    threading.Event().wait()


if __name__ == "__main__":
    main(setup, Load, work)
