"""`paddock size`: how many agents a repository is worth, and whether more of them would help."""

from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.core.errors import BadInput, Unreachable

EXAMPLE = "paddock size\npaddock size ./shop --memory 64"


def main(verb: str, words: list[str]) -> int:
    """Exit code 0 either way: it is advice."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("repo", nargs="?", default=".", metavar="REPO", help="a git repository on this machine (.)")
    parser.add_argument("--lines", type=args.whole(0), metavar="N", help="lines of code, instead of counting them")
    parser.add_argument("--memory", type=args.whole(1), metavar="GIB", help="the hosts' memory together; this host's")
    found = args.read(parser, words)
    lines = found.lines if found.lines is not None else count_lines(Path(found.repo))
    memory = found.memory * 1_024 if found.memory else host_memory_mib()
    try:
        told = args.api_of(found).get("/v1/size", lines=lines, memory_mib=memory)
    except Unreachable:
        told = _alone(lines, memory)
    if found.json:
        out.dump(told)
        return 0
    _print(told)
    return 0


def count_lines(repo: Path) -> int:
    """Lines of the text files that the repository's HEAD holds. Raises: BadInput."""
    from paddock.workspace.git import last_words, run
    from paddock.workspace.remote import as_user

    folder = repo.expanduser().resolve()
    if not folder.is_dir():
        raise BadInput(f"{repo} is no directory")
    user = as_user(folder)
    env = {"GIT_CONFIG_GLOBAL": "/dev/null"} if user else {}
    done = run("-C", str(folder), "grep", "-cIh", "", "HEAD", "--", ":(top)", user=user, env=env)
    if done.code not in (0, 1):
        raise BadInput(f"{repo}: {last_words(done.err)}", hint="name a git repository, or give --lines")
    return sum(int(line) for line in done.out.split() if line.isdigit())


def host_memory_mib() -> int | None:
    """This host's memory in MiB; None where it does not say."""
    try:
        first = Path("/proc/meminfo").read_text(encoding="ascii").split("\n", 1)[0]
        return int(first.split()[1]) // 1_024
    except (OSError, ValueError, IndexError):
        return None


def _alone(lines: int, memory: int | None) -> dict[str, Any]:
    """The advice without a control plane: nothing is measured."""
    import msgspec

    from paddock.core import sizing

    told: dict[str, Any] = msgspec.to_builtins(sizing.size(lines, memory, 0, None, 0))
    return {
        **told,
        "slots": 0,
        "idle": None,
        "memory_mib": memory,
        "verdict": "no control plane answers: start with one",
    }


def _print(told: dict[str, Any]) -> None:
    memory = told["memory_mib"]
    holds = f"{memory / 1_024:.1f} GiB hold {told['fits']} agents" if memory else ""
    idle = f", idle {told['idle']:.0%} of the last hour" if told["idle"] is not None else ""
    out.facts(
        {
            "lines": f"{told['lines']:,}",
            "coders": _range(told["coders"]),
            "reviewers": _range(told["reviewers"]),
            "testers": _range(told["testers"]),
            "indexers": told["indexers"],
            "memory": holds,
            "agents": f"{told['agents']} in all",
            "now": f"{told['slots']} slots online{idle}",
        }
    )
    out.line(told["verdict"])


def _range(pair: list[int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} to {pair[1]}"
