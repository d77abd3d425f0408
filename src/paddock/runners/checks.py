"""Runs a project's checks on one commit: each in a throw-away worktree's box, read by exit code and JUnit XML."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.core import gate
from paddock.runners import junit
from paddock.runners.base import Run, RunFailed
from paddock.runners.boxed import run_boxed
from paddock.sandbox.beneath import NotPlain, read_beneath
from paddock.workspace import RepoCache, create, remove
from paddock.workspace.layout import locked

JUNIT = "/paddock/out/junit.xml"
MOST_NAMES = 100


@dataclass(frozen=True)
class Checked:
    """One check on one tree. `failing` is None when it wrote no JUnit XML."""

    argv: tuple[str, ...]
    exit_code: int
    passed: frozenset[str]
    failing: frozenset[str] | None
    tests: int


async def run_checks(
    run: Run, cache: RepoCache, commit: str, label: str, checks: Sequence[Sequence[str]]
) -> list[Checked]:
    """Every check on this commit, in order, in one worktree.

    Raises: RunFailed when a check was stopped or ran out of time.
    """
    order = run.order
    tree = await asyncio.to_thread(
        create, cache, order.job, order.epoch, commit, f"paddock/{label}", throwaway=True, degraded=run.fence.degraded
    )
    try:
        out = tree.out_dir()
        inside = Path(JUNIT) if tree.record.contained else out.source / "junit.xml"
        done = []
        for argv in checks:
            (out.source / "junit.xml").unlink(missing_ok=True)
            real = [part.replace("{junit}", str(inside)) for part in argv]
            run.log.write(f"$ {' '.join(real)}   # {label} {commit[:12]}\n".encode())
            ended = await run_boxed(run, tree, real, binds=[out])
            if ended.why != "exit":
                raise RunFailed(f"a check was ended: {ended.why}", code=ended.why)
            done.append(_read(tuple(argv), ended.exit_code, out.source / "junit.xml", run))
        return done
    finally:
        await asyncio.to_thread(remove, tree)


def _read(argv: tuple[str, ...], exit_code: int, path: Path, run: Run) -> Checked:
    try:
        report = junit.parse(read_beneath(path.parent, path.name, junit.MAX_BYTES))
    except FileNotFoundError:
        return Checked(argv, exit_code, frozenset(), None, 0)
    except (junit.BadReport, NotPlain) as error:
        run.log.write(f"paddock: {error}\n".encode())
        return Checked(argv, exit_code, frozenset(), None, 0)
    return Checked(argv, exit_code, frozenset(report.passed), frozenset(report.failed), report.total)


async def judge(
    run: Run, cache: RepoCache, commit: str, base: str, checks: Sequence[Sequence[str]], accept: Sequence[str]
) -> tuple[bool, list[dict[str, Any]]]:
    """Whether the checks count as green on `commit`, measured against `base`, and what they said.

    The base is run only when the result is not plainly green, and its failures are remembered per tree on this host.
    """
    if not checks:
        return not accept, [{"argv": [], "green": not accept, "missing": list(accept)}] if accept else []
    done = await run_checks(run, cache, commit, "result", checks)
    remember(cache, cache.tree_of(commit), done)
    before: list[frozenset[str] | None] = [None] * len(done)
    if any(check.exit_code != 0 and check.failing for check in done):
        before = await _base_failures(run, cache, base, checks)
    passed = frozenset().union(*(check.passed for check in done))
    missing = [name for name in accept if name not in passed]
    told = [_tell(check, past, missing) for check, past in zip(done, before, strict=True)]
    return all(check["green"] for check in told), told


def _tell(check: Checked, before: frozenset[str] | None, missing: list[str]) -> dict[str, Any]:
    failing = sorted(check.failing) if check.failing is not None else None
    worse = sorted((check.failing or frozenset()) - (before or frozenset()))
    return {
        "argv": list(check.argv),
        "exit_code": check.exit_code,
        "green": gate.green(check.exit_code, failing, None if before is None else sorted(before), len(missing)),
        "tests": check.tests,
        "passed": len(check.passed),
        "failed": len(failing) if failing is not None else None,
        "failed_before": None if before is None else len(before),
        "worse": [name[:300] for name in worse[:MOST_NAMES]],
        "missing": [name[:300] for name in missing[:MOST_NAMES]],
    }


async def _base_failures(
    run: Run, cache: RepoCache, base: str, checks: Sequence[Sequence[str]]
) -> list[frozenset[str] | None]:
    """Which tests fail on the base; many changes on one base ask at once, so only the first runs the checks."""
    path = _memory(cache, cache.tree_of(base), checks)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with ExitStack() as held:
        await asyncio.to_thread(held.enter_context, locked(path.with_suffix(".lock")))
        try:
            known = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            run.say("running the checks on the base")
            done = await run_checks(run, cache, base, "base", checks)
            remember(cache, cache.tree_of(base), done)
            return [check.failing for check in done]
        return [None if names is None else frozenset(names) for names in known]


def remember(cache: RepoCache, tree: str, done: Sequence[Checked]) -> None:
    """Keeps which tests fail on a tree, so that the next change on it need not run them again."""
    path = _memory(cache, tree, [check.argv for check in done])
    path.parent.mkdir(exist_ok=True, mode=0o700)
    part = path.with_suffix(f".{id(done)}.part")
    part.write_text(json.dumps([None if check.failing is None else sorted(check.failing) for check in done]))
    part.rename(path)


def _memory(cache: RepoCache, tree: str, checks: Sequence[Sequence[str]]) -> Path:
    key = hashlib.sha256(json.dumps([list(argv) for argv in checks]).encode()).hexdigest()[:12]
    return cache.path / "checked" / f"{tree}-{key}.json"
