"""What can go wrong around repositories and worktrees."""

from paddock.core.errors import BadInput, NotFound, PaddockError, Stale


class WorkspaceError(PaddockError):
    """The workspace cannot do that."""

    code = "workspace"


class GitFailed(WorkspaceError):
    """A git command failed."""

    code = "git_failed"


class GitTimeout(GitFailed):
    """A git command took too long."""

    code = "git_timeout"
    retryable = True


class BadRef(BadInput):
    """That is not a name git can use."""

    code = "bad_ref"


class NoRepository(NotFound):
    """There is no git repository there."""

    code = "no_repository"
    hint = "check the path or address; `git init` makes a repository"


class EmptyRepository(BadInput):
    """The repository has no commits yet."""

    code = "empty_repository"
    hint = "make a first commit there: git commit --allow-empty -m 'Start'"


class DetachedHead(BadInput):
    """The repository has no branch checked out, so its default branch is not known."""

    code = "detached_head"
    hint = "check a branch out there, or name one with --branch"


class NoCommit(NotFound):
    """The repository has no such branch or commit."""

    code = "no_commit"
    hint = "push it to the project's repository, or check the name"


class RemoteUnreachable(WorkspaceError):
    """The project's repository cannot be reached."""

    code = "remote_unreachable"
    retryable = True
    hint = "check the address, the network, and that the agent's user may read and write there without a prompt"


class RemoteRefused(WorkspaceError):
    """The project's repository refused the push."""

    code = "remote_refused"
    hint = "the reason is the repository's own: a hook or a rule there"


class BranchMoved(WorkspaceError):
    """The branch moved in the meantime."""

    code = "branch_moved"
    retryable = True


class TreeDirty(WorkspaceError):
    """The branch is checked out in a working tree with changes that are not committed."""

    code = "tree_dirty"
    hint = "commit or stash the changes there, then try again"


class Replaced(Stale):
    """A later attempt has published this job: this one was replaced."""

    code = "replaced"


class WorktreeExists(WorkspaceError):
    """There is a worktree of this attempt already."""

    code = "worktree_exists"
    hint = "recover() saves and removes what a dead run left behind"


class CollectFailed(WorkspaceError):
    """What the run wrote could not be saved; its worktree is kept."""

    code = "collect_failed"


class NotProven(WorkspaceError):
    """The worktree is kept: nothing proves that what it holds is saved."""

    code = "not_proven"
