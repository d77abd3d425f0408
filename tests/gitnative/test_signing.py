"""Repositories with a list of signers: what nobody on it has signed is not run and does not count."""

import subprocess
from pathlib import Path

import pytest

from gitnative.fleets import fleet_at, remote_with
from gitnative.taskfiles import path_of, task_text
from paddock.gitnative import holding, layouts, signing
from paddock.gitnative.claiming import Claimed, claim
from paddock.gitnative.fleet import Agent
from paddock.gitnative.signing import NotSigned, SignersChanged
from support.repos import Repo, git

SIGNERS = ".agents/allowed_signers"
CONFIG = f"coordination:\n  allowed_signers: {SIGNERS}\n"


def key_of(folder: Path, name: str) -> tuple[Path, str]:
    """A new key, and its line in a list of signers."""
    path = folder / name
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(words, check=True)
    return path, f"{name}@example.org {path.with_suffix('.pub').read_text()}"


def push_signed(repo: Repo, work: Path, key: Path | None, files: dict[str, str]) -> None:
    """A commit on the branch, signed by git itself as a person would."""
    if not work.exists():
        git(work.parent, "clone", "--quiet", str(repo.path), str(work))
    git(work, "pull", "--quiet", "--rebase")
    for path, text in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    git(work, "add", "--all")
    sign = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"] if key else []
    git(work, *sign, "commit", "--quiet", *(["-S"] if key else []), "-m", "[ARCH] Change")
    git(work, "push", "--quiet", "origin", "main")


def test_only_what_a_signer_has_signed_is_run(tmp_path: Path) -> None:
    boss, listed = key_of(tmp_path, "boss")
    stranger, foreign = key_of(tmp_path, "stranger")
    texts = [task_text("TASK-001"), task_text("TASK-002", needs=["TASK-001"])]
    repo = remote_with(tmp_path / "r.git", texts, **{layouts.CONFIG: CONFIG, SIGNERS: listed})
    fleet, amy = fleet_at(repo, tmp_path / "home"), Agent(name="amy", sign=signing.signer(boss))
    with pytest.raises(NotSigned):  # nobody has signed the tip yet
        claim(fleet, amy)
    push_signed(repo, tmp_path / "work", boss, {"README.md": "# Signed\n"})
    with pytest.raises(NotSigned, match="claims are signed"):
        claim(fleet, Agent(name="bob"))
    got = claim(fleet, amy)
    assert isinstance(got, Claimed)
    check = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'work' / SIGNERS}"]
    repo.git(*check, "verify-commit", got.token)  # git itself agrees
    # A completion that a stranger has made opens nothing.
    forger = fleet_at(repo, tmp_path / "forger")
    holding.complete(forger, Agent(name="amy", sign=signing.signer(stranger)), got.record.key)
    assert not isinstance(claim(fleet, amy), Claimed)
    push_signed(repo, tmp_path / "work", None, {path_of("TASK-003"): task_text("TASK-003")})
    with pytest.raises(NotSigned):
        claim(fleet, amy)
    # Nor does a list that its author has put himself on.
    push_signed(repo, tmp_path / "work", stranger, {SIGNERS: listed + foreign})
    with pytest.raises(SignersChanged):
        claim(fleet, amy)
    push_signed(repo, tmp_path / "work", boss, {"README.md": "# The boss agrees\n"})
    got = claim(fleet, amy)
    assert isinstance(got, Claimed)
    assert got.record.task in ("TASK-002", "TASK-003")
