# mypy: ignore-errors
"""Procrastinate: batched deferring, LISTEN/NOTIFY, finished jobs kept."""

import uvloop
from contract import batches, given, main, options, ran, ready
from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection

app = App(connector=PsycopgConnector(conninfo=given["url"]))


@app.task(name="noop")
async def noop(at, pad):
    ran({"at": at, "pad": pad})


class Load:
    def __init__(self, link):
        self._link = link

    async def flood(self, payloads):
        for some in batches(payloads, options["insert"]):
            await noop.batch_defer_async(*some)

    async def put(self, payload):
        await noop.defer_async(**payload)

    async def outcomes(self):
        found = await self._link.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'")
        return (await found.fetchone())[0]


async def setup():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def load():
    await app.open_async()
    return Load(await AsyncConnection.connect(given["url"], autocommit=True))


async def work():
    async with app.open_async():
        ready()
        await app.run_worker_async(
            concurrency=options["concurrency"], delete_jobs="never", listen_notify=True, fetch_job_polling_interval=1
        )


if __name__ == "__main__":
    uvloop.install()
    main(setup, load, work)
