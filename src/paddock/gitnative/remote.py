"""A git remote as the rest of the room sees it: exchanges in-process where that can be, by a git process where not."""

import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.gitnative import channels, few, gitrun
from paddock.gitnative.objects import ZERO, Object
from paddock.gitnative.protocol import Decide, Exchange, Push, Report, Unusual


class Remote:
    """One remote. It may be asked from several threads."""

    def __init__(self, url: str, *, process: bool = False, borrow: Path | None = None) -> None:
        self.url = url
        # A bare repository that may hold what new objects stand on; only a git process needs it.
        self.borrow = borrow
        # Whether only a git process can talk to it, as asked for or as found out.
        self.by_process = process
        # What its receiving side can do, once it has said so.
        self._able: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return channels.shown(self.url)

    def exchange(self, decide: Decide) -> Exchange:
        """Reads the refs, asks for what `decide` makes of them, and tells what came of it.

        Raises: GitUnreachable when it cannot be known what came of it.
        """
        if not self.by_process:
            try:
                seen = channels.exchange(self.url, decide)
            except Unusual:
                self.by_process = True
            else:
                self._able = seen.able
                return seen
        return _by_process(self.url, decide, self.borrow)

    def part(self, below: Sequence[str], decide: Decide) -> Exchange:
        """The same with those refs alone that begin with one of `below`; with all of them where that is all there is.

        Raises: GitUnreachable.
        """
        if not self.by_process:
            try:
                return few.exchange(self.url, below, decide, self._able)
            except Unusual:
                pass
        return self.exchange(decide)

    def refs(self) -> Mapping[str, str]:
        """The refs; this needs no right to push.

        Raises: GitUnreachable.
        """
        return ls_remote(self.url)


def ls_remote(url: str, *patterns: str) -> dict[str, str]:
    """Refs by a git process."""
    words = ["--quiet", *channels.as_owner(url, "upload-pack"), "--", url, *patterns]
    out = gitrun.git("ls-remote", *words).decode(errors="surrogateescape")
    pairs = (line.split("\t", 1) for line in out.splitlines() if "\t" in line)
    return {name: oid for oid, name in pairs if name.startswith("refs/")}


def _by_process(url: str, decide: Decide, borrow: Path | None) -> Exchange:
    refs = ls_remote(url)
    push = decide(refs)
    if push is None or not push.updates:
        return Exchange(refs)
    with tempfile.TemporaryDirectory(prefix="paddock-git-") as folder:
        git_dir = Path(folder)
        gitrun.git("init", "--bare", "--quiet", "--", folder)
        if borrow is not None:
            (git_dir / "objects" / "info" / "alternates").write_text(f"{borrow / 'objects'}\n")
            shallow = borrow / "shallow"
            if shallow.exists():
                (git_dir / "shallow").write_bytes(shallow.read_bytes())
        for one in push.objects:
            store(git_dir / "objects", one)
        _fetch_parents(git_dir, url, push)
        return Exchange(refs, _push(git_dir, url, push))


def _fetch_parents(git_dir: Path, url: str, push: Push) -> None:
    """Brings the commits that new ones stand on: git will not send a commit without them."""
    new = {one.id for one in push.objects}
    lines = [line for one in push.objects if one.kind == "commit" for line in one.data.split(b"\n\n")[0].splitlines()]
    parents = {line[7:].decode() for line in lines if line.startswith(b"parent ")} - new
    missing = [oid for oid in parents if gitrun.run("cat-file", "-e", oid, git_dir=git_dir).returncode]
    if missing:
        words = ["--quiet", "--depth=1", "--no-tags", *channels.as_owner(url, "upload-pack")]
        gitrun.git("fetch", *words, "--", url, *missing, git_dir=git_dir)


def store(objects: Path, one: Object) -> None:
    """Writes an object below the folder of a repository's objects."""
    path = objects / one.id[:2] / one.id[2:]
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        return
    path.write_bytes(zlib.compress(b"%s %d\0" % (one.kind.encode(), len(one.data)) + one.data, 1))


def _push(git_dir: Path, url: str, push: Push) -> Report:
    leases = [f"--force-with-lease={one.ref}:{'' if one.old == ZERO else one.old}" for one in push.updates]
    specs = [f"{'' if one.new == ZERO else one.new}:{one.ref}" for one in push.updates]
    words = ["--porcelain", "--no-verify", "--atomic", *channels.as_owner(url, "receive-pack"), *leases]
    done = gitrun.run("push", *words, "--", url, *specs, git_dir=git_dir)
    said = done.stderr.decode(errors="replace")
    refused: dict[str, str] = {}
    told = False
    for line in done.stdout.decode(errors="replace").splitlines():
        flag, _, rest = line.partition("\t")
        if flag in (" ", "+", "-", "*", "=", "!") and rest:
            told = True
            if flag == "!":
                refused[rest.split("\t")[0].rpartition(":")[2]] = rest.rpartition("\t")[2]
    if not told and done.returncode != 0:
        if "does not support --atomic" in said:
            raise gitrun.GitFailed("the remote cannot take several refs at once", hint="use the branch protocol there")
        raise gitrun.failure("push", said)
    return Report(refused, said)
