"""Running git on a tree that a job may have touched: in a box, with a git directory of ours, never with the job's."""

import subprocess
from importlib.resources import files
from pathlib import Path

import msgspec

from paddock.sandbox import WORKSPACE, Bind, Box, Overlay, job_user, launch, uncontained
from paddock.workspace.errors import GitTimeout
from paddock.workspace.gitdir import JOB_OBJECTS, OBJECTS

TIMEOUT = 900.0  # seconds; a tree of millions of files takes minutes
_OURS = Path("/paddock/snap")
_NOTHING = Path("/usr/share/empty")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A tree, the cache's objects, and our git directory for it."""

    root: Path
    tree: Path
    ours: Path
    objects: Path
    overlay: Overlay | None = None
    job: Path | None = None  # the job's git directory, for its objects and refs
    covered: tuple[tuple[str, bool], ...] = ()  # nested .git below the tree (path, whether a directory), to be hidden
    contained: bool = True

    def alternates(self) -> list[Path]:
        """Where our git directory finds objects, as seen by the git that runs; the cache's come first."""
        if self.contained:
            return [OBJECTS, *([JOB_OBJECTS] if self.job else [])]
        return [self.objects, *([self.job / "objects"] if self.job else [])]

    def job_path(self) -> str:
        """The job's git directory as seen by the git that runs."""
        return str(JOB_OBJECTS.parent if self.contained else self.job or _NOTHING)


def run_script(scene: Scene, name: str, *args: str, empty: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run one of our scripts on the scene; `empty` is an empty directory and covers nested repositories."""
    ours, tree = (_OURS, WORKSPACE) if scene.contained else (scene.ours, scene.tree)
    env = {
        "GIT_DIR": str(ours),
        "GIT_WORK_TREE": str(tree),
        "GIT_INDEX_FILE": str(ours / "index"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_LITERAL_PATHSPECS": "0",
        "LC_ALL": "C",
    }
    binds = [Bind(scene.ours, _OURS, writable=True), Bind(scene.objects, OBJECTS)]
    if scene.job is not None:
        binds.append(Bind(scene.job, JOB_OBJECTS.parent))
    binds += [Bind(empty if directory else Path("/dev/null"), WORKSPACE / path) for path, directory in scene.covered]
    box = Box(root=scene.root, tree=scene.tree, user=job_user(), overlay=scene.overlay, binds=tuple(binds), env=env)
    words = ["/bin/sh", "-c", files("paddock.workspace").joinpath(name).read_text(), name, *args]
    make = launch(box, words) if scene.contained else uncontained(box, words, degraded=True)
    with make as ready:
        try:
            return subprocess.run(ready.argv, **ready.options(), capture_output=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise GitTimeout(f"git did not end on the worktree within {TIMEOUT:.0f} s") from error
