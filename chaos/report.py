"""What a storm found, for people and for programs."""

import json
import statistics
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from chaos.audit import Findings
from chaos.faults import KINDS
from chaos.load import Tally
from chaos.recovery import Recovery

# Examples of each finding that are printed.
_SHOWN = 10


@dataclass(frozen=True)
class Report:
    """`ended` says why the storm ended early; empty when it did not."""

    seed: int
    seconds: float
    tally: Tally
    findings: Findings
    recoveries: list[Recovery]
    ended: str

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        found = self.findings
        return not (found.lost or found.doubled or found.stuck or found.connections_left or self.ended)

    def json(self) -> str:
        """One line. Times are seconds."""
        found, tally = self.findings, self.tally
        return json.dumps(
            {
                "ok": self.good,
                "jobs": found.jobs,
                "lost": len(found.lost),
                "doubled": len(found.doubled),
                "stuck": len(found.stuck),
                "connections_left": found.connections_left,
                "faults": dict(Counter(each.fault.kind for each in self.recoveries)),
                "recovery": self._recovery(),
                "effect_jobs": found.effects,
                "lost_answers": {"batches": tally.doubts, "taken": tally.there, "sent_again": tally.again},
                "held_back": tally.held_back,
                "attempts_lost": found.events["attempt.lost"],
                "late_outcomes_refused": found.events["outcome.stale"],
                "seconds": round(self.seconds, 1),
                "seed": self.seed,
                "ended_early": self.ended,
            }
        )

    def _recovery(self) -> dict[str, Any]:
        kinds = [kind for kind in KINDS if any(each.fault.kind == kind for each in self.recoveries)]
        return {kind: self._of_kind(kind) for kind in kinds}

    def _of_kind(self, kind: str) -> dict[str, Any]:
        mine = [each for each in self.recoveries if each.fault.kind == kind]
        columns = {
            "works": [each.works for each in mine],
            "whole": [each.whole for each in mine],
            "silence": [silence(self.findings.done_at, each) for each in mine],
        }
        told: dict[str, Any] = {"count": len(mine)}
        for name, values in columns.items():
            told |= {f"{name}_p50_s": round(statistics.median(values), 2), f"{name}_max_s": round(max(values), 2)}
        return told

    def table(self) -> str:
        """The figures as people read them."""
        head = f"{'fault':<15}{'count':>6}   {'works again':>15}   {'whole again':>15}   {'no job done for':>16}"
        lines = [head, f"{'':<21}   " + "   ".join([f"{'p50':>7} {'max':>7}"] * 3)]
        for kind, row in self._recovery().items():
            cells = [
                f"{row[name + '_p50_s']:>6.2f}s {row[name + '_max_s']:>6.2f}s" for name in ("works", "whole", "silence")
            ]
            lines.append(f"{kind:<15}{row['count']:>6}   {'   '.join(cells)}")
        found = self.findings
        lines += ["", f"{found.jobs:,} jobs, {found.effects:,} of them with effects, in {self.seconds:.0f} s"]
        for what in ("lost", "doubled", "stuck"):
            wrong: list[str] = getattr(found, what)
            lines.append(f"{what}: {len(wrong)}")
            lines += [f"  {each}" for each in wrong[:_SHOWN]]
        lines.append(f"connections left behind on PostgreSQL: {found.connections_left}")
        return "\n".join([*lines, *([f"ended early: {self.ended}"] if self.ended else [])])


def silence(done_at: list[float], recovery: Recovery) -> float:
    """The longest that no job was done, from the fault until all worked again; seconds."""
    end = recovery.healed + recovery.works
    moments = [recovery.began, *(at for at in done_at if recovery.began < at < end), end]
    return max(later - earlier for earlier, later in pairwise(moments))
