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
from paddock.gitnative.mirror import Mirror, Stored
from paddock.gitnative.refs import View

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


class Trust:
    """What this host believes of one remote. Without a list of signers it believes everything.

    The list stands in the branch itself, so the first one that is seen is believed; from then on a list counts only if
    its commit is signed by one of the list before. Who signs the tip signs its whole tree, every task in it.
    """

    def __init__(self, home: Home, mirror: Mirror) -> None:
        self._home = home
        self._mirror = mirror
        self._tips: set[str] = set()
        self._claims: dict[str, bool] = {}
        # The list that the claims were held against.
        self._signers = ""

    def knows(self, stored: Stored, view: View) -> bool:
        """Whether everything was judged already that a decision by this view takes, or there is nothing to judge."""
        if stored.tip not in self._tips and not stored.signers and not self._listed():
            self._tips.add(stored.tip)
        return stored.tip in self._tips and (
            not stored.signers or all(oid in self._claims for oid in view.done.values())
        )

    def judge(self, stored: Stored, view: View) -> None:
        """Judges the tip, and the completions that are not in the files yet.

        Raises: NotSigned, SignersChanged for the tip; a completion that nobody signed only does not count.
        """
        if stored.tip not in self._tips:
            self._check_tip(stored)
            self._tips.add(stored.tip)
        if stored.signers != self._signers:
            self._claims, self._signers = {}, stored.signers
        unknown = [oid for oid in view.done.values() if oid not in self._claims] if stored.signers else []
        self._mirror.commits(unknown)
        for oid in unknown:
            try:
                verify(self._mirror.path, oid, stored.signers)
                self._claims[oid] = True
            except NotSigned:
                self._claims[oid] = False

    def strip(self, stored: Stored, view: View) -> None:
        """Takes completions out of a view that nobody has signed who may."""
        if stored.signers:
            view.done = {key: oid for key, oid in view.done.items() if self._claims.get(oid)}

    def check_writer(self, stored: Stored, signs: bool) -> None:
        """Raises: NotSigned when whoever writes here must sign and does not."""
        if stored.signers and not signs:
            raise NotSigned("claims are signed in this repository", hint="name your key: --sign KEY")

    def _listed(self) -> str:
        """The list that this host believes by now; empty while there was none."""
        with self._home.notes("signers") as notes:
            return str(notes.get("signers") or "")

    def _check_tip(self, stored: Stored) -> None:
        with self._home.notes("signers") as notes:
            known = str(notes.get("signers") or "")
            if not known and not stored.signers:
                return
            try:
                verify(self._mirror.path, stored.tip, known or stored.signers)
            except NotSigned as error:
                if known and known != stored.signers:
                    raise SignersChanged from error
                raise
            if not stored.signers:
                raise SignersChanged("the list of allowed signers is gone")
            notes.update(signers=stored.signers)
