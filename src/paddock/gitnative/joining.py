"""Merges the coordination branches of projects into the one of the repository: real merges, made without a checkout.

What both sides changed is a task's file, mostly: one says what the other side says later. Then the branch that the
project's tasks are on is right. Anything else that both sides changed is a person's to decide.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from paddock.gitnative import channels, gitrun, layouts
from paddock.gitnative.errors import GitRefused, GitUnreachable
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.locks import locked
from paddock.gitnative.objects import Object, commit_text, make, signed
from paddock.gitnative.remote import store
from paddock.gitnative.trees import edited

TRIES = 8


def merge(fleet: Fleet, agent: Agent, branches: Iterable[str]) -> dict[str, str]:
    """Merges branches into the repository's own; returns the merge of each, empty where it had nothing new.

    Raises: GitUnreachable; GitRefused when a branch is not there, or both changed what no rule decides.
    """
    return {branch: _merge(fleet, agent, branch) for branch in branches}


def _merge(fleet: Fleet, agent: Agent, branch: str) -> str:
    git_dir = fleet.home.path / "merges.git"
    with locked(git_dir.with_suffix(".lock")):
        for _ in range(TRIES):
            view, _stored = fleet.look()
            target, _ = fleet.tip(view)
            if branch not in view.heads:
                raise GitRefused(f"{fleet.remote} has no branch {branch!r}", hint="push it first")
            ours, theirs = _fetch(fleet, git_dir, target, branch)
            if gitrun.run("merge-base", "--is-ancestor", theirs, ours, git_dir=git_dir).returncode == 0:
                return ""
            made = _commit(fleet, agent, git_dir, branch, (target, ours, theirs))
            if _push(fleet, git_dir, target, ours, made):
                fleet.events.note("merged", agent=agent.name, branch=branch)
                return made
            fleet.pause(fleet.rng.random() * 0.5)
    raise GitUnreachable(f"{target} of {fleet.remote} moved at each of {TRIES} tries", hint="try again")


def _fetch(fleet: Fleet, git_dir: Path, *branches: str) -> list[str]:
    if not (git_dir / "HEAD").exists():
        gitrun.git("init", "--bare", "--quiet", "--", str(git_dir))
    words = ["--quiet", "--no-tags", *channels.as_owner(fleet.remote.url, "upload-pack"), "--", fleet.remote.url]
    gitrun.git("fetch", *words, *(f"+refs/heads/{one}:refs/heads/{one}" for one in branches), git_dir=git_dir)
    named = [f"refs/heads/{one}" for one in branches]
    return gitrun.git("rev-parse", *named, git_dir=git_dir).decode().split()


def _commit(fleet: Fleet, agent: Agent, git_dir: Path, branch: str, sides: tuple[str, str, str]) -> str:
    target, ours, theirs = sides
    done = gitrun.run("merge-tree", "--write-tree", "--name-only", "-z", ours, theirs, git_dir=git_dir)
    if done.returncode not in (0, 1):
        raise gitrun.failure("merge-tree", done.stderr.decode(errors="replace"))
    tree, *rest = done.stdout.decode(errors="surrogateescape").split("\0")
    # After the tree come the paths that need a decision, up to an empty one.
    both = dict.fromkeys(rest[: rest.index("")]) if done.returncode else {}
    changes = _decided(fleet, git_dir, branch, (ours, theirs), both)
    root, new = edited(git_dir, tree, changes) if changes else (tree, [])
    again = _twice(git_dir, _stored(git_dir, root, new))
    root, new = edited(git_dir, root, again) if again else (root, [])
    _stored(git_dir, root, new)
    text = commit_text(f"[ORCHESTRATOR] Merged {branch} into {target}", fleet.person(agent), [ours, theirs], root)
    commit = make("commit", signed(text, agent.sign(text)) if agent.sign else text)
    _stored(git_dir, commit.id, [commit])
    return commit.id


def _stored(git_dir: Path, name: str, new: Iterable[Object]) -> str:
    for one in new:
        store(git_dir / "objects", one)
    return name


def _decided(
    fleet: Fleet, git_dir: Path, branch: str, sides: tuple[str, str], both: Iterable[str]
) -> Mapping[str, str | None]:
    """What the paths that both sides changed shall hold."""
    changes: dict[str, str | None] = {}
    for path in both:
        place = layouts.place_of(path)
        if place is None:
            raise GitRefused(f"{branch} and the branch it goes into both changed {path}", hint="merge them by hand")
        side = sides[1] if fleet.branches.get(place.project) == branch else sides[0]
        found = gitrun.run("cat-file", "blob", f"{side}:{path}", git_dir=git_dir)
        changes[path] = found.stdout.decode(errors="surrogateescape") if found.returncode == 0 else None
    return changes


def _twice(git_dir: Path, tree: str) -> Mapping[str, str | None]:
    """The files of tasks that stand in a later folder too: those go."""
    out = gitrun.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree, "--", *layouts.ROOTS, git_dir=git_dir)
    found: dict[str, list[tuple[int, str]]] = {}
    for path in out.decode(errors="surrogateescape").split("\0"):
        place = layouts.place_of(path)
        if place is not None:
            key = f"{place.project}/{place.task}"
            found.setdefault(key, []).append((layouts.ORDER.index(place.folder), path))
    return {path: None for rows in found.values() for _, path in sorted(rows)[:-1]}


def _push(fleet: Fleet, git_dir: Path, target: str, ours: str, made: str) -> bool:
    ref = f"refs/heads/{target}"
    words = ["--quiet", "--no-verify", f"--force-with-lease={ref}:{ours}"]
    words += [*channels.as_owner(fleet.remote.url, "receive-pack"), "--", fleet.remote.url, f"{made}:{ref}"]
    done = gitrun.run("push", *words, git_dir=git_dir)
    said = done.stderr.decode(errors="replace")
    if done.returncode and not any(sign in said for sign in ("stale info", "fetch first", "cannot lock ref")):
        raise gitrun.failure("push", said)
    return done.returncode == 0
