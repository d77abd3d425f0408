"""The table of a run, as one JSON document and for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.peers.environments import version
from bench.peers.figures import Figures, median
from bench.peers.table import PADDOCK, Peer

MEASURED = ("jobs", "end_to_end", "enqueue", "drain", "cpu_us", "p50", "p99", "rss_mb")
HEAD = (
    *("peer", "version", "jobs", "jobs/s", "enqueue/s", "drain/s", "CPU µs a job"),
    *("p50 ms", "p99 ms", "RSS MB", "disk first", "keeps"),
)
Row = dict[str, Any]


def row(peer: Peer, rounds: Sequence[Figures], reason: str) -> Row:
    """A peer's row; without a round, its figures are null and `reason` says why."""
    found: Mapping[str, float] = median(rounds) if rounds else {}
    return {
        "peer": peer.name,
        "version": version(peer.home, peer.package),
        "settings": peer.settings,
        "workers": peer.workers,
        "rounds": len(rounds),
        **{name: found.get(name) for name in MEASURED},
        "keeps": peer.keeps,
        "lacks": peer.lacks,
        "commits_before_dispatch": peer.disk_first,
        "reason": reason or None,
    }


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """The rows, the fastest first, each with how many times Paddock's own figures its figures are."""
    own = {found["peer"]: found for found in rows if found["peer"] in PADDOCK}
    for found in rows:
        found["ratios"] = {
            name: {figure: _ratio(found[figure], paddock[figure]) for figure in ("end_to_end", "cpu_us", "p50", "p99")}
            for name, paddock in own.items()
        }
    return sorted(rows, key=lambda found: -(found["end_to_end"] or 0))


def _ratio(value: float | None, own: float | None) -> float | None:
    return round(value / own, 2) if value and own else None


def table(document: Row) -> str:
    """The document as Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|" + "--:|" * 8 + "---|---|"]
    lines += [_line(found) for found in document["rows"]]
    for name, found in document["floors"].items():
        per_s, late = _number(found.get("per_s")), [_number(found.get(part)) for part in ("p50", "p99")]
        lines.append(f"| *floor: {name}* | | | {per_s} | | | | {' | '.join(late)} | | | |")
    lines += ["", *(f"{found['peer']}: {found['reason']}" for found in document["rows"] if found["reason"])]
    lines += [f"{name}: {value}" for name, value in document["machine"].items()]
    return "\n".join(lines) + "\n"


def _line(found: Row) -> str:
    cells = [f"{found['peer']}", found["version"], *(_number(found[name]) for name in MEASURED)]
    return "| " + " | ".join([*cells, "yes" if found["commits_before_dispatch"] else "no", found["keeps"]]) + " |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1_000 else f"{value:g}"
