"""The journal of a real control plane, sealed, tampered with, and verified from the command line."""

import io
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import psycopg
import pytest

from paddock.cli import audit as cli
from paddock.control import audit
from paddock.control.keys import open_keys
from paddock.control.plane import Control
from paddock.store.chaining import Kept
from paddock.store.conformance.bench import NOW, Bench
from paddock.store.postgres.driver import PostgresStore
from paddock.wire import rotation
from support.fleet import Fleet
from support.signers import signer_of
from support.wait import wait_until


def verdict(plane: Fleet, *more: str) -> dict[str, Any]:
    """What `paddock audit verify` finds; the verb in a thread of this process, which is quicker than a process."""
    with redirect_stdout(io.StringIO()) as said, ThreadPoolExecutor(1) as pool:
        words = ["verify", "--json", "--home", str(plane.home), *more]
        code = pool.submit(cli.main, "audit", words).result()
    told: dict[str, Any] = json.loads(said.getvalue())
    assert code == (0 if told["ok"] else 1)
    return told


class Meddler:
    """Somebody who can write the store's file, and puts back what he changed."""

    def __init__(self, plane: Fleet) -> None:
        self._db = sqlite3.connect(plane.home / "paddock.db", timeout=30)

    def undo(self, table: str) -> "Any":
        class Undo:
            def __enter__(undo) -> sqlite3.Connection:
                self._db.execute(f"CREATE TABLE kept AS SELECT * FROM {table}")
                return self._db

            def __exit__(undo, *_: object) -> None:
                self._db.execute(f"DELETE FROM {table}")
                self._db.execute(f"INSERT INTO {table} SELECT * FROM kept")
                self._db.execute("DROP TABLE kept")
                self._db.commit()
                self._db.close()

        return Undo()


def test_the_chain_is_sealed_and_holds(plane: Fleet) -> None:
    plane.submit({"id": "one", "kind": "noop", "payload": {}})
    sealed = plane.api.post("/v1/audit/seal", {})
    assert sealed["sealed"] == sealed["rows"] > 0
    report = verdict(plane)
    assert (report["ok"], report["last"], report["signatures"]) == (True, sealed["sealed"], True)
    assert "are what was sealed" in plane.cli("audit", "verify").stdout
    assert f"up to row {sealed['sealed']}" in plane.cli("audit", "show").stdout


@pytest.mark.parametrize(
    ("statement", "what", "seq"),
    [
        ("UPDATE journal SET data = '{}' WHERE seq = 1", "edited", 1),
        ("UPDATE journal SET at = at + 1 WHERE seq = 2", "edited", 2),
        ("DELETE FROM journal WHERE seq = 2", "deleted", 2),
    ],
)
def test_the_first_row_that_was_changed_is_named(plane: Fleet, statement: str, what: str, seq: int) -> None:
    plane.submit({"id": "one", "kind": "noop", "payload": {}})
    plane.api.post("/v1/audit/seal", {})
    with Meddler(plane).undo("journal") as db:
        db.execute(statement)
        db.commit()
        report = verdict(plane)
    assert (report["fault"]["what"], report["fault"]["seq"]) == (what, seq)
    assert verdict(plane)["ok"]


def test_the_command_line_says_where_it_begins(plane: Fleet) -> None:
    with Meddler(plane).undo("journal") as db:
        db.execute("UPDATE journal SET type = 'job.done' WHERE seq = 1")
        db.commit()
        said = plane.cli("audit", "verify")
    assert (said.returncode, said.stdout.split(" (")[0]) == (1, "row 1: edited: the row is not what was sealed")


def test_a_checkpoint_that_was_signed_by_nobody_is_seen(plane: Fleet) -> None:
    plane.api.post("/v1/audit/seal", {})
    with Meddler(plane).undo("seals") as db:
        db.execute('UPDATE seals SET checkpoint = replace(checkpoint, \'"sig":"\', \'"sig":"AAAA\') WHERE number = 1')
        db.commit()
        assert verdict(plane)["fault"]["what"] == "unsigned"


def test_an_agent_knows_when_the_end_was_cut_off(plane: Fleet) -> None:
    plane.api.post("/v1/audit/seal", {})
    agent = plane.agent("witness")
    path = plane.folder / "agent-witness" / "witness.json"
    wait_until(path.exists, 30, what="the agent keeps a checkpoint")
    agent.stop()
    assert verdict(plane, "--witness", str(path))["witnesses"] == 1
    with Meddler(plane).undo("seals") as db:
        db.execute("DELETE FROM seals WHERE number = (SELECT max(number) FROM seals)")
        db.commit()
        assert verdict(plane)["ok"]  # nothing in the store tells
        # Where the end was sealed anew in the meantime, it is another one.
        assert verdict(plane, "--witness", str(path))["fault"]["what"] in ("missing", "forked")


def test_what_was_sealed_anew_with_the_key_is_known_to_who_kept_the_old_one(plane: Fleet) -> None:
    kept = plane.folder / "checkpoint.json"
    kept.write_text(json.dumps(plane.api.post("/v1/audit/seal", {})))
    assert verdict(plane, "--witness", str(kept))["ok"]
    forged = json.loads(kept.read_text())
    with Meddler(plane).undo("seals") as db:
        db.execute("DELETE FROM seals")
        db.execute("UPDATE journal SET at = at + 1 WHERE seq = 1")
        db.commit()
        again = plane.api.post("/v1/audit/seal", {})
        found = verdict(plane, "--witness", str(kept))
        db.execute("UPDATE journal SET at = at - 1 WHERE seq = 1")
    assert again["number"] <= forged["number"] or not found["ok"]
    assert found["fault"]["what"] in ("forked", "missing")


def test_a_file_that_is_no_witness_is_bad_input(plane: Fleet) -> None:
    path = plane.folder / "nothing.json"
    path.write_text("{}")
    said = plane.cli("audit", "verify", "--witness", str(path))
    assert said.returncode == 2
    assert "is no witness's file" in said.stderr


async def test_who_comes_second_with_a_seal_looks_again(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await PostgresStore.open(postgres)
    add = store.add_seal

    async def second(kept: Kept) -> bool:
        assert await add(kept)  # what another replica has meanwhile stored
        return await add(kept)

    try:
        await Bench(store).project()
        control = Control(tmp_path, store, await open_keys(signer_of(tmp_path), store, NOW), 60_000, 0)
        with monkeypatch.context() as patch:
            patch.setattr(store, "add_seal", second)
            assert await audit.seal(control)
        assert not await audit.seal(control)
        assert control.checkpoint is not None
        await control.keys.signing.close()
        await control.bus.close()
    finally:
        await store.close()


async def test_postgresql_is_verified_alike(postgres: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(postgres)
    try:
        bench = Bench(store)
        await bench.project()
        await bench.submit({"id": "a"}, {"id": "b"})
        ring = await open_keys(signer_of(tmp_path), store, NOW)
        control = Control(tmp_path, store, ring, 60_000, 0)
        assert not await audit.seal(control)
        keys = rotation.ever(ring.keys)
        assert (await audit.verify(store, keys, [])).fault is None
        with psycopg.connect(postgres, autocommit=True) as link:
            link.execute("UPDATE journal SET type = 'job.done' WHERE seq = 2")
        fault = (await audit.verify(store, keys, [])).fault
        assert fault is not None
        assert (fault.seq, fault.what) == (2, "edited")
        await control.keys.signing.close()
        await control.bus.close()
    finally:
        await store.close()
