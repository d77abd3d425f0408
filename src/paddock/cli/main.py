"""The command line's front door: finds the verb, imports only that, and turns every ending into an exit code.

This module imports nothing but `sys`, so that help and the way to a verb cost next to nothing.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

INTERRUPTED = 130

# verb → what it does; its module is paddock.cli.<verb>, with `_` for `-`.
GROUPS: dict[str, dict[str, str]] = {
    "Run": {
        "up": "run a control plane and agents on this machine",
        "demo": "the whole way on a sample repository or your own",
        "serve": "run the control plane alone",
        "key": "show, rotate or end the keys that sign",
        "signer": "run the process that alone holds the signing keys",
        "store": "migrate, check or move what is stored",
        "run": "run one agent",
        "activate": "give this machine's agent its identity",
        "onboard": "set up this machine's first agent in the browser",
        "token": "mint, list or revoke activation tokens",
        "licence": "set, list or remove what bounds agents",
        "secret": "set, list or remove what jobs name in scope.secrets",
    },
    "People": {
        "login": "log in at a control plane that people log in to",
        "logout": "end that session",
        "people": "add, list, promote or disable people, and their sessions",
        "api-token": "mint, list or revoke tokens of programs",
    },
    "Work": {
        "project": "add, list, pause, resume or weigh repositories",
        "submit": "submit jobs from a file or from flags",
        "sign": "sign jobs with a key of your own, which no control plane has",
        "jobs": "list jobs, or cancel, retry, park or prioritise many",
        "job": "show, explain, follow, cancel or retry one job",
        "schedule": "submit batches again and again",
        "limit": "bound how many jobs run or start at a time",
        "topic": "publish, read, follow or share events",
        "state": "list, show, set or delete what jobs remember",
        "review": "list, show, approve or reject changes",
        "findings": "list, show, dismiss or reopen what reviews found",
        "gate": "say whether a change may merge",
        "git": "claim and complete tasks through a git remote alone",
        "fan-out": "say whether running side by side pays",
        "size": "say how many agents a repository is worth",
    },
    "Look": {
        "fleet": "the fleet at a glance",
        "spend": "what agents' time and models cost, and budgets",
        "agents": "list agents",
        "agent": "drain or resume an agent",
        "anomaly": "list or resolve anomalies; quarantine or stop agents",
        "report": "ask the operators for help, with an agent's status and log",
        "status": "what this machine's agents do right now",
        "blame": "from a line of a file to the job that wrote it",
        "journal": "the record of everything that happened",
        "audit": "hold the journal against its chain and its witnesses",
        "doctor": "what this host can contain",
        "policy": "what this host lets jobs do, and what is left of one's scope",
        "version": "the version",
    },
}

TOP = """\
usage: paddock VERB [ARGS]

Signed, fenced jobs for coding agents: one worktree and one change per job.
"""

BOTTOM = """
Everywhere: --json for results as JSON, --server URL for the control plane (PADDOCK_SERVER).
Exit codes: 0 ok, 1 failed, 2 bad input, 3 control plane unreachable, 4 refused, 130 interrupted.

paddock help VERB   more on one verb, with an example
paddock demo        start here
"""

# What people type without the verb that it is a part of.
_PARTS = {part: "job" for part in ("show", "why", "logs", "cancel", "retry")}
_PARTS |= {part: "review" for part in ("approve", "reject")} | {"drain": "agent", "pause": "project"}

_WITH_VALUE = ("--server", "--home")


def entry() -> int:
    """Runs what the command line asks for and returns the exit code."""
    try:
        code = _dispatch(sys.argv[1:])
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BaseException as error:  # noqa: BLE001  (the last line of defence: no traceback reaches a user)
        return _ending(error)


def _dispatch(words: list[str]) -> int:
    before, verb, rest = _split(words)
    if verb in ("-h", "--help") or (verb == "help" and not rest) or not words:
        sys.stdout.write(overview())
        return 0
    if verb in ("-V", "--version"):
        verb = "version"
    if verb == "help":
        verb, rest = rest[0], ["--help"]
    return int(_module(verb).main(verb, [*before, *rest]))


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    """What stands before the verb, the verb, what stands behind it."""
    before: list[str] = []
    at = 0
    while at < len(words) and words[at].startswith("--") and words[at] not in ("--help", "--version"):
        length = 2 if words[at] in _WITH_VALUE else 1
        before += words[at : at + length]
        at += length
    return before, "".join(words[at : at + 1]), words[at + 1 :]


def overview() -> str:
    """The help page, from the table alone."""
    lines = [TOP]
    for title, verbs in GROUPS.items():
        lines += [f"{title}:", *(f"  {verb:<10} {about}" for verb, about in verbs.items()), ""]
    return "\n".join(lines).rstrip("\n") + "\n" + BOTTOM


def _module(verb: str) -> "ModuleType":
    from importlib import import_module

    if any(verb in verbs for verbs in GROUPS.values()):
        return import_module(f"paddock.cli.{verb.replace('-', '_')}")
    import difflib

    from paddock.core.errors import BadInput

    if not verb or verb.startswith("-"):
        raise BadInput("a verb is missing", hint="paddock --help lists the verbs")
    if verb in _PARTS:
        raise BadInput(f"there is no verb {verb!r}", hint=f"did you mean `paddock {_PARTS[verb]} {verb}`?")
    close = difflib.get_close_matches(verb, [name for verbs in GROUPS.values() for name in verbs], 1)
    hint = f"did you mean `paddock {close[0]}`?" if close else "paddock --help lists the verbs"
    raise BadInput(f"there is no verb {verb!r}", hint=hint)


def _ending(error: BaseException) -> int:
    """One line on stderr for what went wrong, and its exit code."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _close_stdout()
        return 0
    from paddock.core.errors import PaddockError

    if isinstance(error, PaddockError):
        return _say(f"{error.message}{f' ({error.hint})' if error.hint else ''}", error.exit_code)
    import os

    if os.environ.get("PADDOCK_DEBUG"):
        import traceback

        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return _say(f"internal error: {what} (set PADDOCK_DEBUG=1 for the traceback; please report it)", 1)


def _say(text: str, code: int) -> int:
    try:
        sys.stderr.write(f"paddock: {' '.join(text.split())}\n")
    except (OSError, ValueError):
        return code
    return code


def _close_stdout() -> None:
    """Whoever read our output has left; what the interpreter would still flush goes nowhere."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(entry())
