"""Jobs and projects on their way in."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from paddock.control import offer
from paddock.control.dispatch import announce
from paddock.control.plane import PROJECTS, WORK, Control
from paddock.core import kinds, matching
from paddock.core.errors import BadInput
from paddock.core.job import Batch, Job, parse_batch, settle
from paddock.core.scope import check_rule
from paddock.store.records import Granted, Project, Submission, Submitted
from paddock.wire import warrant
from paddock.wire.envelope import EnvelopeError
from paddock.wire.messages import Base

# What an order to an agent has room for.
MAX_BRANCH = 128


async def submit(control: Control, raw: object) -> dict[str, object]:
    """Takes a batch whole or not at all.

    Raises: BadInput with the place in the batch, NotFound for an unknown project.
    """
    return await submit_batch(control, parse_batch(raw))


async def submit_batch(control: Control, batch: Batch) -> dict[str, object]:
    """The same for a batch that is parsed already."""
    settled = settle(batch)
    check_accepted(control, batch.project, settled)
    check_warrants(control, batch.project, settled)
    opens = batch.opens_after
    submission = Submission(
        project=batch.project,
        name=batch.name,
        jobs=tuple(settled),
        opens_batch=opens.batch if opens else None,
        opens_done=opens.done if opens else 0,
    )
    now = control.clock.now()
    at_once = [job for job in settled if not (job.depends_on or job.not_before > now)]
    lanes = Counter(matching.lane(batch.project, job.kind, job.requires, job.limits) for job in at_once)
    offered = offer.find(control, lanes)
    storing = asyncio.ensure_future(_store(control, submission, now, offered))
    await asyncio.sleep(0)  # it stands in the store's queue now, before any beat that the announcement brings
    if not offered:
        announce(control, lanes)
    reads = control.lanes_reads
    try:
        made = await storing
    except BaseException:  # what was announced did not come
        if offered:
            offered.granted.set_result(())
        control.lanes_told += 1
        control.stir()
        raise
    if offered:
        offered.granted.set_result(made.ahead)
        await asyncio.sleep(0)  # the agent's answer goes out before the submitter's
    if reads != control.lanes_reads or (offered and len(made.ahead) < len(at_once)):
        announce(control, lanes)  # again: lanes that were read meanwhile were read too early
        control.recheck()
    elif any(job.not_before > now for job in settled):
        control.recheck()
    control.lanes_told += 1  # so were lanes that are being read now
    control.bus.news(WORK)
    control.bus.news()
    return {"batch": made.batch, "jobs": [_told(job, name, name in made.twins) for job, name in made.jobs]}


async def _store(control: Control, submission: Submission, now: int, offered: offer.Offer | None) -> Submitted:
    """Stores the batch; an agent it is offered to is called while the commit is on its way to the disk."""
    if offered is None:
        return await control.store.submit(submission, now)
    loop = asyncio.get_running_loop()

    def call(granted: tuple[Granted, ...]) -> None:
        loop.call_soon_threadsafe(offer.call, control, offered, granted)

    return await control.store.submit(submission, now, offered.ahead, call)


def _told(job: str, name: str, twin: bool) -> dict[str, object]:
    return {"id": job, "name": name, "duplicate": True} if twin else {"id": job, "name": name}


def check_accepted(control: Control, project_name: str, jobs: Sequence[Job]) -> None:
    """Raises: BadInput for tests to accept where no checks would run them."""
    project = control.projects.get(project_name)
    if project is None or project.checks:
        return
    asking = next((job.name for job in jobs if job.accept), None)
    if asking is not None:
        raise BadInput(
            f"job {asking!r} names tests to accept, but project {project.name!r} has no checks that would run them",
            hint="`paddock project add --check` sets them",
        )


def check_warrants(control: Control, project_name: str, jobs: Sequence[Job]) -> None:
    """Raises: BadInput for a job that is not what its warrant says; whose warrant it is, only agents know."""
    project = control.projects.get(project_name)
    for at, job in enumerate(jobs):
        if not job.scope.warrant or project is None:
            continue
        base = Base(repo=project.repo, branch=project.branch) if kinds.get(job.kind).worktree else None
        try:
            other = warrant.job_differs(warrant.claimed(job.scope.warrant), job, project_name, base)
        except EnvelopeError as error:
            raise BadInput(f"job {job.name!r}: {error.message}", where=f"jobs[{at}].scope.warrant") from None
        if other:
            hint = "sign it anew with `paddock sign`"
            raise BadInput(f"job {job.name!r}: its {other} is not what was signed", hint=hint, where=f"jobs[{at}]")


async def add_project(control: Control, raw: object) -> Project:
    """Registers a repository under a name.

    Raises: BadInput naming the field.
    """
    if not isinstance(raw, dict):
        raise BadInput("expected a mapping with name and repo")
    unknown = set(raw) - {"name", "repo", "branch", "checks"}
    if unknown:
        raise BadInput(f"unknown field {min(unknown)!r}")
    name, repo, branch = (_text(raw, key) for key in ("name", "repo", "branch"))
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or not name.isascii() or len(name) > 64:
        raise BadInput(f"{name!r} is no project name", hint="letters, digits, . _ -", where="name")
    if repo.startswith("-") or branch.startswith("-"):
        raise BadInput("repo and branch cannot start with -")
    if len(branch) > MAX_BRANCH:
        raise BadInput(f"branch: a name of at most {MAX_BRANCH} characters", where="branch")
    checks = tuple(_check(argv, at) for at, argv in enumerate(raw.get("checks") or []))
    project = await control.store.add_project(
        Project(name=name, repo=repo, branch=branch, checks=checks, created=control.clock.now())
    )
    control.projects[project.name] = project
    control.bus.news(PROJECTS)
    control.bus.news()
    return project


def _text(raw: dict[str, object], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value or len(value) > 4_096 or "\0" in value:
        raise BadInput(f"{key}: expected a text", where=key)
    return value


def _check(argv: object, at: int) -> tuple[str, ...]:
    if not isinstance(argv, list) or not argv or not all(isinstance(part, str) for part in argv):
        raise BadInput(f"checks[{at}]: expected a list of texts, the program first", where=f"checks[{at}]")
    check_rule([argv[0]], f"checks[{at}]")
    return tuple(argv)
