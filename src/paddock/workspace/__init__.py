"""Repositories, worktrees and what jobs leave in them. Synchronous: an agent calls it in threads.

root  = workspace_root(preferred)                     shared by the agents of a host
cache = RepoCache(root, url); cache.resolve(ref, fresh=…) -> commit; cache.has(commit)
wt    = create(cache, job, epoch, base, branch, mode="auto", throwaway=False, degraded=False)
with wt.launch(argv, env=…, tools=…, binds=[wt.out_dir()]) as launch: spawn(*launch.argv, **launch.options())
snap  = collect(wt, message)                           a Snapshot, saved in the cache under wip_ref(job, epoch)
publish(cache, job, epoch, snap.head, snap.wip)        Replaced, RemoteRefused, RemoteUnreachable
remove(wt)                                             NotProven unless everything in it is saved; wt.release() keeps it
recover(root, alive) -> [Recovered]                    saves, pushes and deletes what dead owners left
merge(cache, tip, head, message) -> Merged | Conflict; is_ancestor; contains(cache, tip, head)
move_branch(cache, branch, old, new)                   BranchMoved, TreeDirty, RemoteRefused
check_repository(url) -> Repository(branch, head); working_tree_state(path, branch)
"""

from paddock.workspace.cache import Base, RepoCache
from paddock.workspace.collect import Snapshot, collect, wip_ref
from paddock.workspace.diff import FileChange, changes, patch
from paddock.workspace.forge.local import (
    Published,
    Repository,
    check_repository,
    move_branch,
    publish,
    working_tree_state,
)
from paddock.workspace.layout import workspace_root
from paddock.workspace.merge import Conflict, Merged, contains, half_merged, is_ancestor, joined, marked, merge, seal
from paddock.workspace.preserve import Recovered, recover, remove
from paddock.workspace.worktree import Record, Worktree, create

__all__ = [
    "Base",
    "Conflict",
    "FileChange",
    "Merged",
    "Published",
    "Record",
    "Recovered",
    "RepoCache",
    "Repository",
    "Snapshot",
    "Worktree",
    "changes",
    "check_repository",
    "collect",
    "contains",
    "create",
    "half_merged",
    "is_ancestor",
    "joined",
    "marked",
    "merge",
    "move_branch",
    "patch",
    "publish",
    "recover",
    "remove",
    "seal",
    "wip_ref",
    "working_tree_state",
    "workspace_root",
]
