"""The reviewer `coverage`: how much of the lines a project's tests reach, with the change and without it."""

import hashlib
import json
from xml.parsers import expat

from paddock.core.findings import Severity, Told
from paddock.core.reviewing import Coverage
from paddock.runners.base import Run
from paddock.runners.review_static import Look
from paddock.runners.review_tools import NotRun, bench

FILE = "coverage"


async def ask_coverage(job: Run, look: Look) -> list[Told]:
    """A finding when the share of lines fell by more than the rules let it. Raises: NotRun, RunFailed."""
    rule = look.rules.coverage
    assert rule is not None, "rules that name the reviewer say how it measures"
    after = await _measured(job, look, look.head, rule)
    before = await _measured(job, look, look.base, rule)
    if before - after <= rule.most_drop + 1e-9:
        return []
    message = f"tests reach {after:.2f} % of the lines, {before:.2f} % without the change"
    return [Told(reviewer="coverage", rule="drop", severity=Severity.MEDIUM, message=message)]


async def _measured(job: Run, look: Look, commit: str, rule: Coverage) -> float:
    """Percent of the lines on a commit; remembered for its tree on this host, since every change on a base asks."""
    key = hashlib.sha256(json.dumps(rule.argv).encode()).hexdigest()[:12]
    path = look.cache.path / "checked" / f"{look.cache.tree_of(commit)}-{key}.coverage"
    if path.is_file():
        return float(path.read_text())
    job.say(f"measuring coverage of {commit[:12]}")
    async with bench(job, look, commit, "coverage") as at:
        found = percent(await at.output(rule.argv, FILE))
    path.parent.mkdir(exist_ok=True, mode=0o700)
    part = path.with_suffix(f".{job.order.job}.part")
    part.write_text(repr(found))
    part.rename(path)
    return found


def percent(raw: bytes) -> float:
    """The share of lines that a report tells, in Cobertura's XML, JSON of coverage.py or Istanbul, or LCOV.

    Raises: NotRun.
    """
    try:
        if raw.lstrip()[:1] == b"<":
            found = _cobertura(raw)
        elif raw.lstrip()[:1] == b"{":
            found = _json(raw)
        else:
            found = _lcov(raw)
    except (ValueError, KeyError, TypeError, ZeroDivisionError, expat.ExpatError):
        raise NotRun("what it wrote is no report of coverage: Cobertura, JSON or LCOV") from None
    if not 0 <= found <= 100:
        raise NotRun(f"it tells {found:g} %")
    return found


class _Seen(Exception):
    """The first element was read; nothing behind it matters."""


def _cobertura(raw: bytes) -> float:
    root: list[dict[str, str]] = []

    def start(_tag: str, attributes: dict[str, str]) -> None:
        root.append(attributes)
        raise _Seen

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(raw, True)
    except _Seen:
        return float(root[0]["line-rate"]) * 100
    raise ValueError("no element")


def _json(raw: bytes) -> float:
    told = json.loads(raw)
    if "totals" in told:
        return float(told["totals"]["percent_covered"])
    return float(told["total"]["lines"]["pct"])


def _lcov(raw: bytes) -> float:
    sums = {"LF": 0, "LH": 0}
    for line in raw.decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name in sums:
            sums[name] += int(value)
    return 100 * sums["LH"] / sums["LF"]
