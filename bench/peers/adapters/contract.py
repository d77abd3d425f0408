# mypy: ignore-errors
# It runs in the peers' environments, on the standard library alone.
"""What every adapter in Python shares: the words that the bench says to it and that it answers, one JSON per line.

An adapter calls `main` with three functions. `setup()` makes what both sides need. `load()` returns an object with
`flood(payloads)`, `put(payload)` and `outcomes()`: enqueue many in the peer's fastest durable way, enqueue one, and how
many jobs have an outcome by now. `work()` runs one worker process until it is ended and calls `ready()` once it takes
jobs; the handler calls `ran(payload)` first. Any of them may be a coroutine function.
"""

import asyncio
import inspect
import itertools
import json
import os
import sys
import threading
import time

# {"url", "options", "pad"}: where the peer's server is, what its row of the table says, the filler of a payload.
given = json.loads(os.environ["PEER"])
options = given["options"]


def clock():
    """Microseconds of the machine's monotonic clock, which is one for all processes."""
    return time.monotonic_ns() // 1_000


def say(message):
    """One line in one write, so that those of several processes do not mix."""
    os.write(1, (json.dumps({**message, "pid": os.getpid()}) + "\n").encode())


class _Count:
    """How many jobs this process began. Peers fork, and a thread tells, so each process makes its own."""

    def __init__(self):
        self.pid = os.getpid()
        self._numbers = itertools.count(1)
        self.last = 0
        threading.Thread(target=self._tell, daemon=True).start()

    def one_more(self):
        self.last = max(self.last, number := next(self._numbers))
        return number

    def _tell(self):
        told = 0
        while True:
            if self.last != told:
                told = self.last
                say({"ran": told})
            time.sleep(0.01)


_making = threading.Lock()
_count = None


def ran(payload):
    """A job began to run; `at` is when it was submitted, 0 when nobody asks."""
    global _count
    now = clock()
    if _count is None or _count.pid != os.getpid():
        with _making:
            if _count is None or _count.pid != os.getpid():
                _count = _Count()
    number = _count.one_more()
    if payload["at"]:
        say({"late": now - payload["at"]})
    elif number == 1:
        say({"first": now})


def ready():
    """This worker takes jobs."""
    say({"ready": True})


def batches(items, size):
    """Slices of at most `size`."""
    return (items[at : at + size] for at in range(0, len(items), size))


def count_keys(client, pattern):
    """How many keys of a Redis are like this."""
    return client.eval("return #redis.call('keys', ARGV[1])", 0, pattern)


async def _done(value):
    return await value if inspect.isawaitable(value) else value


async def _flood(load, jobs):
    payloads = [{"at": 0, "pad": given["pad"]} for _ in range(jobs)]
    began = clock()
    await _done(load.flood(payloads))
    return {"began": began, "ended": clock()}


async def _pace(load, jobs, per_s):
    due = time.monotonic()
    for _ in range(jobs):
        due += 1 / per_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await _done(load.put({"at": clock(), "pad": given["pad"]}))
    return {}


async def _wait(load, outcomes):
    while await _done(load.outcomes()) < outcomes:  # noqa: ASYNC110  (a store has nothing to wait for)
        await asyncio.sleep(0.003)
    return {"ended": clock()}


_COMMANDS = {"flood": _flood, "pace": _pace, "wait": _wait}


async def _serve(load):
    loading = await _done(load())
    say({"ready": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        say({"answer": await _COMMANDS[command.pop("do")](loading, **command)})


def main(setup, load, work):
    """Does what its one argument asks for: setup, load or work."""
    role = sys.argv[1]
    if role == "load":
        asyncio.run(_serve(load))
        return
    value = setup() if role == "setup" else work()
    if inspect.isawaitable(value):
        asyncio.run(_done(value))
