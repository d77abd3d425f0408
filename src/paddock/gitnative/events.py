"""What happened on this host, losses included: one JSON object a line, from which every figure is made."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

# Every kind of event and what it means.
KINDS: Mapping[str, str] = {
    "claimed": "a task was claimed; `ms` from the wish to the remote's word, `tries` pushes",
    "conflict": "a push came too late: somebody else was faster",
    "refused": "the remote refused a push for a reason of its own",
    "unreachable": "the remote could not be asked, or did not say what came of a push",
    "idle": "nothing was ready",
    "missed": "others were faster at every try",
    "beat": "a claim was renewed",
    "completed": "a task was completed",
    "released": "an agent gave a task back",
    "expired": "a claim that nobody renewed was ended",
    "parked": "a task was lost too often and waits for a person",
    "lost": "a write came from an agent that does not hold the claim any more",
    "settled": "completed tasks were moved in the files",
    "merged": "a project's coordination branch was merged into the repository's own",
}
# Bytes after which the log begins anew; one older file is kept.
LARGEST = 16 << 20


class Events:
    """The log of one remote on this host. `clock` gives epoch seconds."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock

    def note(self, kind: str, **fields: object) -> None:
        """Adds one event; several processes may write at once."""
        row = {"at": round(self._clock() * 1_000), "kind": kind, **fields}
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(row, ensure_ascii=False).encode() + b"\n")
            full = os.fstat(handle).st_size > LARGEST
        finally:
            os.close(handle)
        if full:
            with contextlib.suppress(FileNotFoundError):
                self._path.rename(self._path.with_suffix(".1.jsonl"))

    def read(self) -> list[dict[str, Any]]:
        """Every event that is kept, oldest first."""
        rows = []
        for path in (self._path.with_suffix(".1.jsonl"), self._path):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                for line in file:
                    with contextlib.suppress(ValueError):  # cut by a crash
                        rows.append(json.loads(line))
        return rows


def metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Figures from events: pushes of claims, those that came too late, their share, and how long claims took."""
    counted: Counter[str] = Counter()
    took: list[float] = []
    for row in rows:
        counted[str(row.get("kind"))] += 1
        if row.get("kind") == "claimed":
            took.append(float(row.get("ms", 0)))
    attempts = counted["claimed"] + counted["conflict"] + counted["refused"]
    took.sort()
    return {
        "attempts": attempts,
        "claims": counted["claimed"],
        "conflicts": counted["conflict"],
        "refused": counted["refused"],
        "unreachable": counted["unreachable"],
        "conflict_rate": round(counted["conflict"] / attempts, 4) if attempts else 0.0,
        "pushes_per_claim": round(attempts / counted["claimed"], 3) if counted["claimed"] else 0.0,
        "claim_ms_p50": round(_part(took, 0.5), 1),
        "claim_ms_p99": round(_part(took, 0.99), 1),
        "completed": counted["completed"],
        "released": counted["released"],
        "expired": counted["expired"],
        "lost": counted["lost"],
    }


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
