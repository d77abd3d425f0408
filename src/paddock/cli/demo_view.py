"""What a demo shows while it runs: a live table on a terminal, one line for each move elsewhere."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from paddock.cli import out
from paddock.cli.watch import describe
from paddock.core.states import JobState

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

# Rows of the live table; what has moved least recently is left out first.
ROWS = 30
_STYLES = {JobState.DONE: "green", JobState.LEASED: "cyan", JobState.IN_REVIEW: "yellow", JobState.BLOCKED: "dim"}


class View:
    """Used as a context while the demo runs; `say` writes above the table."""

    def __init__(self, say: Callable[[str], None], *, live: bool) -> None:
        self._say = say
        self._wants_live = live
        self._live: Live | None = None
        self._said: dict[str, str] = {}
        # What the table shows; drawing it again unchanged would only flicker.
        self._seen: object = None

    def __enter__(self) -> "View":
        if self._wants_live:
            from rich.live import Live

            self._live = Live(auto_refresh=False, transient=False, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """One line that stays."""
        if self._live is None:
            self._say(text)
        else:
            from rich.text import Text

            self._live.console.print(Text(out.plain(text)))

    def show(self, jobs: list[dict[str, Any]], changes: list[dict[str, Any]]) -> None:
        """The jobs as they stand now."""
        states = {change["job"]: change["state"] for change in changes}
        if self._live is not None:
            seen = [(_words(job, states.get(job["id"], "")), job["agent"]) for job in jobs]
            if seen != self._seen:
                self._seen = seen
                self._live.update(_table(jobs, states), refresh=True)
            return
        for job in jobs:
            words = _words(job, states.get(job["id"], ""))
            old = self._said.get(job["id"])
            if words != old and (old is not None or job["state"] not in (JobState.READY, JobState.BLOCKED)):
                self._say(f"{job['name']}: {out.plain(words)}")
            self._said[job["id"]] = words


def _words(job: dict[str, Any], change: str) -> str:
    if job["state"] == JobState.IN_REVIEW:
        return {"open": "in review", "approved": "in the merge queue"}.get(change, "in review")
    if job["state"] == JobState.DONE and change == "merged":
        return "merged"
    return describe(job)


def _table(jobs: list[dict[str, Any]], states: dict[str, str]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("job", "agent", "state"):
        table.add_column(title, overflow="ellipsis", no_wrap=True)
    moving = [job for job in jobs if job["state"] not in (JobState.DONE, JobState.BLOCKED)]
    shown = jobs if len(jobs) <= ROWS else (moving + [job for job in jobs if job not in moving])[:ROWS]
    for job in shown:
        words = out.plain(_words(job, states.get(job["id"], "")))
        style = _STYLES.get(job["state"], "red" if job["state"] in ("failed", "refused", "parked") else "")
        table.add_row(out.plain(job["name"]), out.plain(job["agent"]), Text(words, style))
    done = sum(job["state"] == JobState.DONE for job in jobs)
    more = f", {len(jobs) - len(shown)} not shown" if len(jobs) > len(shown) else ""
    table.caption = f"{done} of {len(jobs)} done{more}"
    table.caption_justify = "left"
    return table
