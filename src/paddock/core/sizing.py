"""How large a fleet a repository is worth: by its size, by the memory there is, and by how busy its agents are."""

from dataclasses import dataclass

# Lines of code below which a row holds → coders, reviewers, testers, each as (least, most).
_TABLE: tuple[tuple[int, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]], ...] = (
    (50_000, ((1, 2), (1, 1), (1, 1))),
    (500_000, ((3, 5), (1, 2), (1, 2))),
    (1 << 62, ((5, 15), (2, 3), (2, 4))),
)
# MiB that an idle agent takes, that the work of one needs beside it, and that is left to the host.
AGENT_MIB, WORK_MIB, TESTER_MIB, HOST_MIB = 200, 500, 1_500, 2_048
# Above this share of idle time more agents only wait more.
IDLE = 0.25


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a fleet is advised to have. `verdict` says in words whether more agents would help."""

    lines: int
    coders: tuple[int, int]
    reviewers: tuple[int, int]
    testers: tuple[int, int]
    indexers: int
    # Agents that the memory holds; None when it is not known.
    fits: int | None
    # What to run: the most of the table that the memory holds, the least of it where it holds less.
    agents: int
    more_helps: bool | None
    verdict: str


def size(lines: int, memory_mib: int | None, slots: int, idle: float | None, waiting: int) -> Size:
    """Advice for a repository of so many lines. `idle` is the share of its slots' time without work, None unknown;
    `waiting` counts jobs that are ready."""
    coders, reviewers, testers = next(row for most, row in _TABLE if lines < most)
    least = coders[0] + reviewers[0] + testers[0] + 1
    most = coders[1] + reviewers[1] + testers[1] + 1
    fits = None if memory_mib is None else _fits(memory_mib, testers[0])
    agents = most if fits is None else max(1, min(most, fits))
    helps, verdict = _verdict(agents, least, fits, slots, idle, waiting)
    return Size(
        lines=lines,
        coders=coders,
        reviewers=reviewers,
        testers=testers,
        indexers=1,
        fits=fits,
        agents=agents,
        more_helps=helps,
        verdict=verdict,
    )


def _fits(memory_mib: int, testers: int) -> int:
    """How many agents the memory holds, so many of them testers."""
    room = memory_mib - HOST_MIB - testers * (AGENT_MIB + TESTER_MIB)
    return max(0, testers + room // (AGENT_MIB + WORK_MIB)) if room >= 0 else 0


def _verdict(
    agents: int, least: int, fits: int | None, slots: int, idle: float | None, waiting: int
) -> tuple[bool | None, str]:
    if not slots:
        return None, "no agent is online: start with one"
    if idle is not None and idle > IDLE:
        return False, f"more agents would not help: {idle:.0%} of the time they have nothing to do; more work would"
    if fits is not None and slots >= max(fits, 1):
        return False, f"more agents would not fit: this memory holds {fits}"
    if slots >= agents:
        return False, f"{slots} slots are as many as a repository of this size is worth"
    if not waiting:
        return False, "more agents would not help now: no job waits"
    short = ", and fewer than its smallest useful fleet" if slots < least else ""
    return True, f"more agents would help: {waiting} jobs wait for {slots} slots{short}"
