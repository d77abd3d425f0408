"""`paddock serve`: the control plane alone."""

import os
from collections.abc import Callable

from paddock.cli import args, out

EXAMPLE = """\
paddock serve --port 8420 --home /var/lib/paddock
paddock serve --store postgresql://paddock@db/paddock --bus redis://cache --keys /etc/paddock/keys"""


def main(verb: str, words: list[str]) -> int:
    """Serves until it is told to stop."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "host", "port", "store", "bus", "keys", "beat_seconds", "lease_seconds", "value_mib")
    # A descriptor on which whoever started this process waits for the word that it serves.
    parser.add_argument("--ready-fd", type=int, help=args.HIDDEN)
    found = args.read(parser, words)
    settings = args.settings_of(found)
    from paddock.web.server import Plan, run

    where = f"http://{settings.host}:{settings.port}"
    ready = _tell(found.ready_fd) if found.ready_fd is not None else lambda: out.note(f"control plane at {where}")
    plan = Plan(
        home=settings.home,
        host=settings.host,
        port=settings.port,
        beat_ms=settings.beat_ms,
        lease_ms=settings.lease_ms,
        store=settings.store,
        bus=settings.bus,
        keys=settings.keys,
        value_bytes=settings.value_mib << 20,
    )
    return run(plan, ready)


def _tell(descriptor: int) -> Callable[[], None]:
    def ready() -> None:
        os.write(descriptor, b"ready\n")
        os.close(descriptor)

    return ready
