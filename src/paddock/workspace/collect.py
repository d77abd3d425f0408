"""What a run wrote, as commits: computed by git inside a box, brought into the cache as checked objects.

Work is every file of the tree that git does not ignore, plus every commit the job can still name (its HEAD, branches,
tags and stash). Ignored files are not work: they are what a build makes again. Inside a nested repository the files are
work, its own `.git` is not. A file above survey.MAX_FILE is named in `Snapshot.unsaved`, and its worktree is kept.
"""

import os
from pathlib import Path

import msgspec

from paddock.workspace.diff import FileChange, changes, patch, readable
from paddock.workspace.errors import CollectFailed, GitFailed
from paddock.workspace.git import git, is_commit, run
from paddock.workspace.gitdir import our_git, place_index
from paddock.workspace.inside import Scene, run_script
from paddock.workspace.layout import delete_tree, give, shared_dir
from paddock.workspace.processes import end_run
from paddock.workspace.survey import MAX_NESTED, survey
from paddock.workspace.worktree import Worktree

MAX_PACK = 8 << 30  # bytes
_MANY = 20  # names in a note


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt wrote. `head` and `wip` are in the cache; nothing is published yet."""

    job: str
    epoch: int
    base: str
    tree: str
    head: str | None  # the change: one commit on the base; None when the tree is the base's
    wip: str  # the same tree with everything the job committed behind it; the base itself when nothing was written
    files: list[FileChange]
    diff: bytes
    diff_cut: bool
    notes: list[str]  # what a reader should know: nested repositories, special files, names git refused
    unsaved: list[str]  # files that hold bytes and are in no commit; while there are any, the worktree stays


class Found(msgspec.Struct):
    """The answers of snapshot.sh."""

    tree: str = ""
    head: str | None = None
    wip: str = ""
    tips: list[str] = []
    notes: list[str] = []
    unsaved: list[str] = []


def wip_ref(job: str, epoch: int) -> str:
    """Where an attempt's work is saved, in the cache and in the project's repository."""
    return f"refs/paddock/wip/{job}/{epoch}"


def collect(worktree: Worktree, message: str = "") -> Snapshot:
    """Save what the run wrote in the cache, under its wip ref; no process of the run may be alive.

    CollectFailed leaves the worktree as it is. Works after kill -9, from the directory alone.
    """
    record, cache = worktree.record, worktree.cache
    text = _with_trailers(message or f"Work of {record.job}", record.job, record.epoch)
    try:
        found = _bring_in(worktree, text)
        _verify(cache.git, record.base, found)
        git("update-ref", wip_ref(record.job, record.epoch), found.wip, git_dir=cache.git)
    except GitFailed as error:
        raise CollectFailed(
            f"what {record.job} wrote could not be saved: {error.message}", hint=_kept(worktree)
        ) from error
    finally:
        delete_tree(worktree.path / "snap")
    end = found.head or record.base
    diff, cut = patch(cache.git, record.base, end)
    return Snapshot(
        job=record.job, epoch=record.epoch, base=record.base, tree=found.tree, head=found.head, wip=found.wip,
        files=changes(cache.git, record.base, end), diff=diff, diff_cut=cut, notes=found.notes, unsaved=found.unsaved,
    )  # fmt: skip


def _bring_in(worktree: Worktree, message: str) -> Found:
    """Compute the commits and import them; without the job's own commits when git finds those malformed."""
    pack = worktree.path / "snap" / "out"
    found = examine(worktree, "add", message)
    try:
        _import(worktree.cache.git, pack)
        return found
    except GitFailed as refusal:
        if not found.tips:
            raise
        found = examine(worktree, "files", message)
        _import(worktree.cache.git, pack)
        found.unsaved.append(f"commits of the job: {refusal.message}")
        return found


def examine(worktree: Worktree, action: str, message: str = "") -> Found:
    """Compute the tree and the commits of a worktree in a box, after ending what is left of its run.

    `action` is `add` (and pack them), `files` (pack them without the job's own commits) or `prove`.
    """
    end_run(worktree.record.token)
    last = ""
    for care in ("strict", "lenient"):
        scene, found = _prepare(worktree, message)
        done = run_script(
            scene, "snapshot.sh", worktree.record.base, scene.job_path(), action, care, empty=worktree.path / "stage"
        )
        if done.returncode == 0:
            _read(done.stdout, found, worktree.path / "snap")
            if action == "prove":
                delete_tree(worktree.path / "snap")
            return found
        last = done.stderr.decode(errors="replace").strip()[-300:]
    raise CollectFailed(f"git could not read the worktree: {last}", hint=_kept(worktree))


def _kept(worktree: Worktree) -> str:
    return f"nothing is deleted; look at {worktree.path}"


def _with_trailers(message: str, job: str, epoch: int) -> str:
    return f"{message.strip()}\n\nPaddock-Job: {job}\nPaddock-Epoch: {epoch}\n"


def _prepare(worktree: Worktree, message: str) -> tuple[Scene, Found]:
    """Our git directory for the worktree, with the lists the script reads."""
    snap = worktree.path / "snap"
    delete_tree(snap)
    empty = worktree.path / "stage"
    shared_dir(empty)
    seen = survey(worktree.written, overlay=worktree.record.mode == "overlay")
    overlay = worktree.overlay()
    scene = Scene(
        root=worktree.root, tree=worktree.tree, ours=snap, objects=worktree.cache.objects, overlay=overlay,
        job=worktree.git, covered=tuple(seen.nested[:MAX_NESTED]), contained=worktree.record.contained,
    )  # fmt: skip
    our_git(snap, worktree.record.base, scene.alternates())
    place_index(worktree.pristine_index(), snap / "index", worktree.record.created / 1000)
    skipped = [*seen.special, *seen.large]
    excluded = [f":(top,exclude,literal){name}" for name in skipped]
    lists = {"pathspecs": [":(top)", *excluded], "gone": seen.special, "large": seen.large, "message": [message]}
    for name, items in lists.items():
        text = message if name == "message" else "".join(f"{item}\0" for item in items)
        (snap / name).write_bytes(os.fsencode(text))
        give(snap / name)
    found = Found(unsaved=seen.large, notes=_notes(seen.nested, seen.special))
    found.unsaved += [f"{name} (below too many nested repositories)" for name, _ in seen.nested[MAX_NESTED:]]
    found.unsaved += _inside_submodules(worktree, seen.names_below)
    return scene, found


def _notes(nested: list[tuple[str, bool]], special: list[str]) -> list[str]:
    notes = [
        f"{name} is a repository inside the worktree: its files are kept, its history is not" for name, _ in nested
    ]
    notes += [f"{name} is neither a file, a link nor a directory, and is left out" for name in special]
    return notes[:_MANY]


def _read(output: bytes, found: Found, snap: Path) -> None:
    for record in output.split(b"\0"):
        kind, _, value = os.fsdecode(record).partition(" ")
        if kind == "tree":
            found.tree = value
        elif kind == "head":
            found.head = value
        elif kind == "wip":
            found.wip = value
        elif kind == "tip":
            found.tips.append(value)
        elif kind == "broken":
            found.unsaved.append(f"commit {value[:12]} of the job, which cannot be read whole")
    ignored = _names(snap / "ignored")
    found.unsaved = [name for name in found.unsaved if name not in ignored]
    found.unsaved += [name for name in _names(snap / "left") if name not in found.unsaved]
    found.unsaved = [readable(os.fsencode(name)) for name in found.unsaved]
    found.notes = [readable(os.fsencode(note)) for note in found.notes]


def _names(path: Path) -> list[str]:
    try:
        return [os.fsdecode(name) for name in path.read_bytes().split(b"\0") if name]
    except FileNotFoundError:
        return []


def _import(git_dir: Path, pack: Path) -> None:
    """Bring a pack into the cache; git checks every object's id, form and links."""
    if not pack.exists():
        return  # nothing is new
    fd = os.open(pack, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        done = run("index-pack", "--stdin", "--strict", f"--max-input-size={MAX_PACK}", git_dir=git_dir, stdin=fd)
    finally:
        os.close(fd)
    if done.code != 0:
        raise GitFailed(f"git refused the objects: {done.err.strip()[-300:]}")


def _verify(git_dir: Path, base: str, found: Found) -> None:
    """The commits say what we asked for: their tree, and the base as first parent."""
    wanted = {name: commit for name, commit in (("head", found.head), ("wip", found.wip)) if commit}
    for name, commit in wanted.items():
        if name == "wip" and commit == base:
            continue
        tree, *parents = git("show", "-s", "--format=%T %P", "--end-of-options", commit, git_dir=git_dir).split()
        fits = parents == [base] if name == "head" else parents[:1] == [base]
        if not is_commit(commit) or tree != found.tree or not fits:
            raise GitFailed(f"the {name} commit is not the one that was asked for")


def _inside_submodules(worktree: Worktree, names: list[str]) -> list[str]:
    """Files written below a submodule's path: git keeps only the submodule's commit id, not them."""
    cache, base = worktree.cache, worktree.record.base
    if not git("ls-tree", base, ".gitmodules", git_dir=cache.git):
        return []
    entries = git("ls-tree", "-r", "-z", base, git_dir=cache.git).split("\0")
    links = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    return [name for name in names if any(name.startswith(f"{link}/") for link in links)]
