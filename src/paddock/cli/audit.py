"""`paddock audit`: the journal held against its chain, its signatures, and what witnesses were told."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddock.cli import args, out
from paddock.core.errors import BadInput

if TYPE_CHECKING:
    from paddock.control.audit import Report
    from paddock.settings import Settings
    from paddock.wire.audit import Checkpoint
    from paddock.wire.keys import Verifier

EXAMPLE = """\
paddock audit show
paddock audit verify --home /var/lib/paddock
paddock audit verify --store postgresql://paddock@db/paddock --witness /var/lib/agent/witness.json
paddock audit seal --json > checkpoint.json"""


def main(verb: str, words: list[str]) -> int:
    """Shows or seals the chain, or verifies it in the store itself."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    args.for_part(parts, "show", "how far the journal is sealed", _show)
    args.for_part(parts, "seal", "seal the journal up to now; with --json its checkpoint, to be kept elsewhere", _seal)
    verify = args.for_part(parts, "verify", "name the first row that is not what was sealed; exit 1 then", _verify)
    args.add_settings(verify, "store", "keys")
    verify.add_argument(
        "--witness",
        metavar="FILE",
        action="append",
        default=[],
        help="an agent's witness.json, or the JSON of `paddock audit seal`; may stand more than once",
    )
    return args.act(parser, words)


def _show(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).get("/v1/audit"))


def _seal(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).post("/v1/audit/seal", {}))


def _told(found: argparse.Namespace, chain: dict[str, Any]) -> int:
    if found.json:
        out.dump(chain)
        return 0
    sealed = f"{chain['number']} seals up to row {chain['sealed']}" if chain["number"] else "nothing is sealed yet"
    facts = {"journal": f"up to row {chain['rows']}", "sealed": sealed, "head": chain["head"]}
    out.facts(facts | ({"at": out.clock(chain["at"])} if "at" in chain else {}))
    return 0


def _verify(found: argparse.Namespace) -> int:
    settings = args.settings_of(found)
    if not settings.store and not (settings.home / "paddock.db").is_file():
        raise BadInput(f"{settings.home} holds no store", hint="--home names a control plane's, --store a database")
    keys, witnesses = _own_keys(settings.keys), []
    for name in found.witness:
        witness, more = _witness(Path(name), keys)
        witnesses.append(witness)
        keys |= more
    report = asyncio.run(_report(settings, keys, witnesses))
    if found.json:
        out.dump(report.view())
    else:
        _say(report)
    return 0 if report.fault is None else 1


def _own_keys(folder: Path) -> "dict[str, Verifier]":
    from paddock.signer.folder import read_ring
    from paddock.wire.rotation import ever

    ring = read_ring(folder)
    return ever(ring.keys) if ring is not None else {}


def _witness(path: Path, keys: "dict[str, Verifier]") -> "tuple[Checkpoint, dict[str, Verifier]]":
    """What a witness knows, and the keys by which it knows it. Raises: BadInput."""
    import base64

    import msgspec

    from paddock.wire.audit import Testimony, read
    from paddock.wire.envelope import EnvelopeError
    from paddock.wire.keys import Verifier

    try:
        given = msgspec.json.decode(path.read_bytes(), type=Testimony)
        own = {key.keyid: Verifier(base64.b64decode(key.key), key.role) for key in given.keys}
        return read(given.checkpoint, {**keys, **own}), own
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, EnvelopeError, ValueError) as error:
        raise BadInput(f"{path} is no witness's file: {error}", hint="a witness's key must be known") from None


async def _report(settings: "Settings", keys: "dict[str, Verifier]", witnesses: "list[Checkpoint]") -> "Report":
    from paddock.cli.store import open_store
    from paddock.control.audit import verify

    store = await open_store(settings)
    try:
        return await verify(store, keys, witnesses)
    finally:
        await store.close()


def _say(report: "Report") -> None:
    if report.fault is None:
        out.line(
            f"{report.rows:,} rows in {report.seals:,} seals are what was sealed; {report.unsealed:,} wait for theirs"
        )
    else:
        where = f"row {report.fault.seq}" if report.fault.seq else f"seal {report.fault.seal}"
        out.line(f"{where}: {report.fault.what}: {report.fault.detail} (seal {report.fault.seal})")
    if not report.signatures:
        out.note("no signature was checked, for no key is known: name --keys, or a --witness")
