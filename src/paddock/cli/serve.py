"""`paddock serve`: the control plane alone."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from paddock.cli import args, out

if TYPE_CHECKING:
    from paddock.settings import Settings

EXAMPLE = """\
paddock serve --port 8420 --home /var/lib/paddock
paddock serve --auth people --host 0.0.0.0 --public https://paddock.example.org
paddock serve --store postgresql://paddock@db/paddock --bus redis://cache --keys /etc/paddock/keys"""


def main(verb: str, words: list[str]) -> int:
    """Serves until it is told to stop."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "host", "port", "store", "bus", "keys", "signer", "maximum")
    args.add_settings(parser, "beat_seconds", "lease_seconds", "value_mib")
    args.add_settings(
        parser, "auth", "public", "proxies", "oidc_issuer", "oidc_client", "oidc_secret_file", "oidc_roles"
    )
    # A descriptor on which whoever started this process waits for the word that it serves.
    parser.add_argument("--ready-fd", type=int, help=args.HIDDEN)
    found = args.read(parser, words)
    settings = args.settings_of(found)
    where = f"http://{settings.host}:{settings.port}"
    ready = _tell(found.ready_fd) if found.ready_fd is not None else lambda: out.note(f"control plane at {where}")
    if settings.signer:
        return _serve(settings, settings.signer, ready)
    from paddock.signer import keeper, powers

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Before anything else: what is begun later, threads and secrets, must not be in the signer's process.
    plan = keeper.plan(settings.keys, settings.maximum, frozenset({os.getuid()}))
    with keeper.beside(plan) as signer:
        if plan.uid and not _local(settings.store) and not _local(settings.bus):
            powers.shed(settings.home, settings.home / "paddock.db")
        return _serve(settings, signer.address, ready, signer.pid)


def _local(address: str) -> bool:
    """Whether an address leads to a socket in a folder, which may be open to its owner and to root's powers only."""
    text = unquote(address)
    return "host=/" in text or text.startswith("unix:")


def _serve(settings: "Settings", signer: str, ready: Callable[[], None], keeper: int = 0) -> int:
    from paddock.control.oidc import provider_of
    from paddock.web.server import Plan, run

    plan = Plan(
        home=settings.home,
        host=settings.host,
        port=settings.port,
        beat_ms=settings.beat_ms,
        lease_ms=settings.lease_ms,
        store=settings.store,
        bus=settings.bus,
        signer=signer,
        keeper=keeper,
        value_bytes=settings.value_mib << 20,
        people=settings.auth == "people",
        public=settings.public,
        proxies=settings.proxies,
        provider=provider_of(
            settings.oidc_issuer, settings.oidc_client, settings.provider_secret(), settings.oidc_roles
        ),
    )
    return run(plan, ready, _invite)


def _invite(link: str) -> None:
    out.note(f"nobody owns this control plane yet; whoever opens this link first, within a day, does: {link}")


def _tell(descriptor: int) -> Callable[[], None]:
    def ready() -> None:
        os.write(descriptor, b"ready\n")
        os.close(descriptor)

    return ready
