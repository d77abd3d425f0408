"""`paddock store`: what stands behind a control plane, looked at and moved."""

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

from paddock.cli import args, out
from paddock.core.errors import BadInput

if TYPE_CHECKING:
    from paddock.settings import Settings
    from paddock.store.base import Store

EXAMPLE = """\
export PADDOCK_STORE=postgresql://paddock@db/paddock
paddock store migrate
paddock store copy --home /var/lib/paddock
paddock store check"""


def main(verb: str, words: list[str]) -> int:
    """Migrates, checks or copies a store."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    part = args.for_part(parts, "migrate", "bring the tables of a database up to date", _migrate)
    args.add_settings(part, "store")
    part.add_argument("--post", action="store_true", help="also what may only be done once no older release serves")
    part = args.for_part(parts, "check", "say whether what is stored can be; exit 1 when not", _check)
    args.add_settings(part, "store")
    part = args.for_part(parts, "copy", "move the store in a home to an empty database", _copy)
    args.add_settings(part, "store")
    return args.act(parser, words)


def _address(settings: "Settings") -> str:
    if not settings.store:
        raise BadInput("which database?", hint="PADDOCK_STORE or --store names it, postgresql://USER@HOST/DATABASE")
    return settings.store


def _migrate(found: argparse.Namespace) -> int:
    from paddock.store.postgres.link import connect, where
    from paddock.store.postgres.migrate import migrate, pending

    address = _address(args.settings_of(found))
    with connect(address) as link:
        made = migrate(link, post=found.post)
        left = [name for _, name, _ in pending(link, post=True)]
    if found.json:
        out.dump({"store": where(address), "made": made, "pending": left})
        return 0
    out.line(f"{where(address)}: " + (f"made {', '.join(made)}" if made else "nothing to do"))
    if left:
        out.note(f"once no older release serves: paddock store migrate --post ({', '.join(left)})")
    return 0


def _check(found: argparse.Namespace) -> int:
    settings = args.settings_of(found)
    findings = _behind(settings.store) if settings.store else _missing(settings)
    findings = findings or asyncio.run(_findings(settings))
    if found.json:
        out.dump({"ok": not findings, "findings": findings})
    for what, ids in {} if found.json else findings.items():
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        out.line(f"{what}: {', '.join(ids[:5])}{more}")
    if not (findings or found.json):
        out.line("all is well")
    return 1 if findings else 0


def _behind(address: str) -> dict[str, list[str]]:
    from paddock.store.postgres.link import connect
    from paddock.store.postgres.migrate import pending

    with connect(address) as link:
        left = [name for _, name, _ in pending(link)]
    return {"migrations that were not made": left} if left else {}


def _missing(settings: "Settings") -> dict[str, list[str]]:
    if not (settings.home / "paddock.db").is_file():
        raise BadInput(f"{settings.home} holds no store", hint="--home names a control plane's, --store a database")
    return {}


async def _findings(settings: "Settings") -> dict[str, list[str]]:
    store = await open_store(settings)
    try:
        return await store.findings()
    finally:
        await store.close()


async def open_store(settings: "Settings") -> "Store":
    """The store itself, on the database or in the home. Raises: BadInput, StoreUnavailable, NewerSchema."""
    from paddock.store.postgres.driver import PostgresStore
    from paddock.store.sqlite.driver import SqliteStore

    return await (
        PostgresStore.open(settings.store) if settings.store else SqliteStore.open(settings.home / "paddock.db")
    )


def _copy(found: argparse.Namespace) -> int:
    from paddock.store.copying import copy
    from paddock.store.postgres.link import where
    from paddock.web.server import lock_home

    settings = args.settings_of(found)
    address = _address(settings)
    _missing(settings)
    lock = lock_home(settings.home)
    try:
        counts = copy(settings.home / "paddock.db", address, (lambda _: None) if found.json else out.note)
    finally:
        os.close(lock)
    if found.json:
        out.dump({"store": where(address), "rows": counts})
        return 0
    out.line(f"{sum(counts.values()):,} rows are in {where(address)} now")
    out.note("serve from there with the same keys: paddock serve --store … --keys " + str(settings.home / "keys"))
    return 0
