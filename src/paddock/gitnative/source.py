"""Tasks of a git remote as jobs of an agent: claimed, turned into orders, told as done, failed or given back."""

import contextlib
import dataclasses
import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from paddock.core.errors import PaddockError
from paddock.core.job import Files, Scope
from paddock.gitnative import holding, presence, protocols, settle
from paddock.gitnative.claiming import Claimed
from paddock.gitnative.errors import GitUnreachable
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.selection import Filter
from paddock.gitnative.tasks import Task
from paddock.wire.messages import Base, JobOrder, Limits, Outcome

_OTHER = re.compile(r"[^a-z0-9_-]+")
DAY_MS = 86_400_000
# Outcomes that tell of this host and not of the task: it goes back without a loss, and is left to others for a while.
_OURS = ("not_capable", "sandbox", "policy_denied", "policy_unsafe", "remote_unreachable", "git_timeout")
ASIDE_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What an agent does with its tasks. `argv` runs tasks that say none themselves; empty: those are not taken."""

    want: Filter
    argv: Sequence[str] = ()
    degraded: bool = False
    stall_minutes: float = 30.0
    # Completed tasks that lie as refs before they are folded into files; 0: never.
    settle_at: int = 200


class GitSource:
    """Jobs from one remote for one agent."""

    def __init__(self, fleet: Fleet, agent: Agent, work: Work) -> None:
        self._fleet = fleet
        self._agent = agent
        self._work = work
        self._keys: dict[str, str] = {}
        # Tasks that did not fit this host, and until when by the steady clock they are left to others.
        self._aside: dict[str, float] = {}
        # When the announcement was last made: one that stands still for too long is taken for a dead agent's.
        self._announced = 0.0

    def begin(self) -> None:
        """Announces the agent, and gives back what an earlier process of it held.

        Raises: GitUnreachable, GitRefused.
        """
        verbs = protocols.of(self._fleet)
        for held in self._fleet.home.all_held(self._agent.name):
            try:
                fleet = self._fleet.of_project(held.record.project)
                verbs.release(fleet, self._agent, held.record.key, reason="its agent has started again")
            except PaddockError:
                self._fleet.home.drop(held.record.key, self._agent.name)
        if verbs is protocols.REFS:
            self._announce()

    def _announce(self) -> None:
        presence.announce(self._fleet, self._agent)
        self._announced = time.monotonic()

    def take(self) -> JobOrder | None:
        """Claims a task; while there is none, ends claims that stand still and folds what is done into files.

        Raises: GitUnreachable, GitRefused.
        """
        verbs = protocols.of(self._fleet)
        if self._agent.announced and time.monotonic() - self._announced > self._work.stall_minutes * 20:
            self._announce()
        self._aside = {key: until for key, until in self._aside.items() if until > time.monotonic()}
        want = dataclasses.replace(self._work.want, aside=frozenset(self._aside))
        got = protocols.claim(self._fleet, self._agent, want)
        if not isinstance(got, Claimed):
            verbs.release_stalled(self._fleet, self._agent, self._work.stall_minutes)
            if verbs is protocols.REFS and self._work.settle_at:
                settle.settle(self._fleet, self._agent, least=self._work.settle_at)
            return None
        fleet = self._fleet.of_project(got.record.project)
        try:
            order = self._order(fleet, got, self._task(fleet, got.record.key))
        except PaddockError:
            with contextlib.suppress(PaddockError):
                verbs.release(fleet, self._agent, got.record.key, reason="its file could not be read")
            raise
        self._keys[order.job] = got.record.key
        return order

    def _task(self, fleet: Fleet, key: str) -> Task:
        known = fleet.stored
        if known is None or key not in known.tasks:
            _, known = fleet.look()
        if key not in known.tasks:
            raise GitUnreachable(f"the file of {key} is gone")
        return known.tasks[key]

    def _order(self, fleet: Fleet, got: Claimed, task: Task) -> JobOrder:
        argv = list(task.run.get("argv") or self._work.argv)
        write = tuple(task.run.get("write") or ("**",))
        now = int(self._fleet.clock() * 1_000)
        env = {"AGENT_TASK": task.key, "AGENT_TASK_FILE": task.path, "AGENT_NAME": self._agent.name}
        return JobOrder(
            job=job_name(task.key),
            name=task.key[-128:],
            kind="command",
            project=task.project,
            agent=self._agent.name[:64],
            agent_key="",
            generation=0,
            attempt=got.record.losses + 1,
            epoch=got.record.epoch,
            nonce=secrets.token_hex(8),
            nbf=now,
            exp=now + DAY_MS,
            base=Base(repo=self._fleet.remote.url, branch=fleet.branch),
            payload={"argv": argv, "env": env, "message": f"{task.id}: {task.title}"},
            scope=Scope(files=Files(write=write), degraded=self._work.degraded),
            limits=Limits(wall_s=task.run.get("timeout", 3_600)),
        )

    def renew(self, order: JobOrder) -> None:
        """Raises: ClaimLost, GitUnreachable, GitRefused."""
        fleet = self._fleet.of_project(order.project)
        protocols.of(fleet).beat(fleet, self._agent, self._keys[order.job])

    def end(self, order: JobOrder, outcome: Outcome) -> None:
        """Completes the task, or gives it back; one that fails counts as a loss, so that it is not tried for ever.

        Raises: ClaimLost, GitUnreachable, GitRefused.
        """
        key = self._keys.pop(order.job)
        fleet = self._fleet.of_project(order.project)
        verbs = protocols.of(fleet)
        if outcome.status == "done":
            change = outcome.change
            told = {"branch": change.branch, "head": change.head} if change else {}
            verbs.complete(fleet, self._agent, key, **told)
            return
        reason = f"{outcome.status}: {outcome.code} {outcome.detail}".strip()
        if outcome.code in _OURS:
            self._aside[key] = time.monotonic() + ASIDE_S
        if outcome.status in ("failed", "refused") and outcome.code not in _OURS and verbs is protocols.REFS:
            holding.fail(fleet, self._agent, key, reason)
        else:
            verbs.release(fleet, self._agent, key, reason=reason)

    def leave(self) -> None:
        """Takes the announcement away.

        Raises: GitUnreachable.
        """
        if self._agent.announced:
            presence.withdraw(self._fleet, self._agent)


def job_name(key: str) -> str:
    """The name of a task's worktrees and branch: what people know it by, and enough to tell it from every other."""
    words = _OTHER.sub("-", key.lower()).strip("-_")[:48]
    return f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
