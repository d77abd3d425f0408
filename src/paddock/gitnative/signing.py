"""Signed commits by git's own SSH signatures: made with a key, held against a list of those who may sign."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from paddock.core.errors import BadInput, Refused
from paddock.gitnative import gitrun
from paddock.gitnative.home import Home

_NAMESPACE = "git"
TIMEOUT = 30.0


class NotSigned(Refused):
    """The commit is not signed by anyone who may sign."""

    code = "not_signed"
    hint = "sign it with a key of the allowed signers: `git commit -S`, or --sign KEY"


class SignersChanged(NotSigned):
    """The list of allowed signers was changed by a commit that none of those before has signed."""

    code = "signers_changed"
    hint = "look at who changed it; a change must be signed by one of the signers before"


def signer(key: Path) -> Callable[[bytes], str]:
    """What signs with an SSH key.

    Raises: BadInput when there is no such key; the signer does when the key does not sign.
    """
    if not key.is_file():
        raise BadInput(f"{key} is no key", hint="make one: ssh-keygen -t ed25519 -f KEY")
    program = shutil.which("ssh-keygen")
    if program is None:
        raise BadInput("this host has no ssh-keygen", hint="install OpenSSH's client")

    def sign(payload: bytes) -> str:
        words = [program, "-Y", "sign", "-q", "-n", _NAMESPACE, "-f", str(key)]
        done = subprocess.run(words, input=payload, capture_output=True, timeout=TIMEOUT, check=False, env=_unasked())
        if done.returncode:
            raise BadInput(f"{key} does not sign: {done.stderr.decode(errors='replace').strip()[:200]}")
        return done.stdout.decode()

    return sign


def _unasked() -> dict[str, str]:
    """An environment in which nobody is asked for a passphrase."""
    return {**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}


def verify(git_dir: Path, commit: str, signers: str) -> str:
    """Who signed a commit.

    Raises: NotSigned when it is nobody on the list.
    """
    with tempfile.NamedTemporaryFile("w", prefix="paddock-signers-", delete=True) as file:
        file.write(signers)
        file.flush()
        words = [
            "-c",
            "gpg.format=ssh",
            "-c",
            f"gpg.ssh.allowedSignersFile={file.name}",
            "verify-commit",
            "--raw",
            commit,
        ]
        done = gitrun.run(*words, git_dir=git_dir)
    said = done.stderr.decode(errors="replace")
    if done.returncode or "Good" not in said:
        last = (said.strip().splitlines() or ["it has no signature"])[-1]
        raise NotSigned(f"commit {commit[:12]} is signed by nobody who may: {last[:200]}")
    return said.partition(" for ")[2].partition(" with ")[0]


def check_board(home: Home, git_dir: Path, tip: str, signers: str) -> None:
    """Holds the tip of the coordination branch against the signers that this host knows.

    The list stands in the branch itself, so the first one that is seen is believed; from then on a list counts only if
    its commit is signed by one of the list before. Raises: NotSigned, SignersChanged.
    """
    with home.notes("signers") as notes:
        known = notes.get("signers")
        if notes.get("tip") == tip and known == signers:
            return
        before = str(known) if known else signers
        if not before:
            return
        try:
            verify(git_dir, tip, before)
        except NotSigned as error:
            if known and known != signers:
                raise SignersChanged(hint=SignersChanged.hint) from error
            raise
        if not signers:
            raise SignersChanged("the list of allowed signers is gone")
        notes.update(tip=tip, signers=signers)
