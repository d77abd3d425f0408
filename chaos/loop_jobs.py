"""What the loop is fed with: jobs that write things nobody else wrote, a lens that finds bugs, a fixer, and people."""

import contextlib
import random
import threading
from typing import Any

from paddock.core.errors import PaddockError
from support.fleet import Fleet

PROJECT = "loop"
# Files that hold work begin so; each has a name and words of its own, and appears whole.
WORK = "w-"
_WRITE = """
write() { cat /proc/sys/kernel/random/uuid > .part && echo "$2" >> .part && mv .part "w-$1-$PADDOCK_EPOCH-$(cat \
/proc/sys/kernel/random/uuid).txt"; sleep 0.05; }
"""
# Tells each file that holds BUG.
_LENS = r"""
import json, pathlib, sys
bad = [path for path in pathlib.Path(".").glob("w-*.txt") if "BUG" in path.read_text().split()]
told = [{"rule": "bug", "path": str(path), "line": 2, "severity": "high", "message": "a bug"} for path in sorted(bad)]
pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
"""
_MEND = r"""
for file in $(grep -lw BUG w-*.txt); do grep -vw BUG "$file" > .part; echo mended >> .part; mv .part "$file"; done
write fix mended
"""
RULES: dict[str, Any] = {
    "tools": [{"name": "lens", "argv": ["python3", "-c", _LENS, "{findings}"]}],
    "fixers": [{"argv": ["sh", "-c", _WRITE + _MEND]}],
    "rounds": 5,
}
CHECKS = [["sh", "-c", "! grep -lw RED w-*.txt"]]
_OPEN = 8
_SOON_S = 0.5


def job(dice: random.Random, number: int) -> dict[str, Any]:
    """A job that writes a few files; some commit, some bring bugs, some end badly, some turn the checks red."""
    name = f"l{number}"
    words = ["fine"] * dice.randint(2, 6)
    lines = [_WRITE, *(f"write {name} {word}" for word in words)]
    if dice.random() < 0.3:
        lines.append(f"write {name} BUG")
    if dice.random() < 0.1:
        lines.append(f"write {name} RED")
    if dice.random() < 0.3:
        lines.append("git add -A && git commit -qm kept")
        lines.append(f"write {name} later")
    if dice.random() < 0.1:
        lines.append("exit 1")
    return {"id": name, "payload": {"argv": ["sh", "-c", "\n".join(lines)]}, "max_attempts": 2}


class People(threading.Thread):
    """Those who submit, approve, reject and cancel until they are told to stop; `submitted` counts jobs."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        super().__init__(name="people", daemon=True)
        self._fleet, self._dice = fleet, random.Random(seed)
        self._over, self.feeding = threading.Event(), True
        self.submitted = self.approved = self.rejected = self.cancelled = 0

    def run(self) -> None:
        """Looks twice a second; a control plane that is away is asked again."""
        while not self._over.wait(_SOON_S):
            with contextlib.suppress(PaddockError, OSError):
                self._look()

    def stop(self) -> None:
        """Ends the thread."""
        self._over.set()
        self.join()

    def _look(self) -> None:
        api, dice = self._fleet.api, self._dice
        for change in api.get("/v1/changes", state="open", project=PROJECT):
            reasons = api.get(f"/v1/changes/{change['id']}/gate")["reasons"]
            if reasons == ["no person has approved it"]:
                what = "reject" if dice.random() < 0.15 else "approve"
                api.post(f"/v1/changes/{change['id']}/{what}", {"by": "ann", "note": "read"})
                self.approved, self.rejected = (
                    self.approved + (what == "approve"),
                    self.rejected + (what == "reject"),
                )
            elif any("stopped" in one or "(" in one for one in reasons):
                api.post(f"/v1/changes/{change['id']}/reject", {"by": "ann", "note": "not mended"})
                self.rejected += 1
        if not self.feeding:
            return
        jobs = api.get("/v1/jobs", project=PROJECT, limit=500)
        live = [one for one in jobs if one["state"] in ("ready", "leased", "changes_requested")]
        if live and dice.random() < 0.05:
            api.post(f"/v1/jobs/{dice.choice(live)['id']}/cancel", {})
            self.cancelled += 1
        for _ in range(_OPEN - len(live)):
            api.post("/v1/jobs", {"project": PROJECT, "jobs": [job(dice, self.submitted)]})
            self.submitted += 1
