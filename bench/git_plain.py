"""The founding protocol as plainly as it was: a clone for each agent, pick before pull, move, commit, one push."""

import random
import subprocess
from pathlib import Path

NOTHING, LOST = 1, 2
_ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "plain",
    "GIT_AUTHOR_EMAIL": "plain@example.org",
    "GIT_COMMITTER_NAME": "plain",
    "GIT_COMMITTER_EMAIL": "plain@example.org",
}


def clone(remote: Path, where: Path) -> Path:
    """A clone for one agent."""
    _git(remote, "clone", "--quiet", str(remote), str(where))
    return where


def claim(where: Path, agent: str, rng: random.Random) -> tuple[int, str]:
    """One try: 0 and the task, NOTHING, or LOST with everything as it was before."""
    tasks = where / ".agents/projects/bench/tasks"
    ready = sorted(tasks.glob("*.toon"))
    if ready:
        # The plain one takes the first; agents that all do so never get past one claim a round.
        file = rng.choice(ready)
    if _git(where, "pull", "--quiet", "--rebase") or not ready:
        return (LOST if ready else NOTHING), ""
    if not file.exists():
        return LOST, ""
    claimed = where / ".agents/claimed/bench"
    claimed.mkdir(parents=True, exist_ok=True)
    text = file.read_text() + f"\nclaim:\n  claimed_by: {agent}\n"
    (claimed / file.name).write_text(text)
    file.unlink()
    _git(where, "add", "--all", ".agents")
    _git(where, "commit", "--quiet", "-m", f"[AGENT-CLAIM] {agent} claimed {file.stem} from bench")
    if _git(where, "push", "--quiet", "origin", "HEAD"):
        _git(where, "reset", "--quiet", "--hard", "HEAD~1")
        return LOST, ""
    return 0, file.stem


def _git(where: Path, *words: str) -> int:
    done = subprocess.run(["git", "-C", str(where), *words], env=_ENV, capture_output=True, check=False)
    return done.returncode
