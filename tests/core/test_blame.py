"""From what git prints to the job behind a line; how many agents a repository is worth."""

import pytest

from paddock.core.blame import Origin, origin, parse_porcelain
from paddock.core.sizing import size

PORCELAIN = "\n".join(
    (
        "a" * 40 + " 7 9 1",
        "author Ann",
        "author-time 1",
        "summary a fix",
        "previous " + "b" * 40 + " old.py",
        "filename old.py",
        "\t    return 1",
        "",
    )
)


def test_a_line_is_read_from_what_git_prints() -> None:
    line = parse_porcelain(PORCELAIN)
    assert line is not None and line.committed
    assert (line.commit, line.number, line.path, line.text) == ("a" * 40, 7, "old.py", "    return 1")
    assert parse_porcelain("fatal: no such line") is None
    zeros = parse_porcelain(PORCELAIN.replace("a" * 40, "0" * 40))
    assert zeros is not None and not zeros.committed


def test_the_trailers_tell_the_job_and_nothing_above_them_does() -> None:
    said = origin("x\n\nPaddock-Job: forged\n\nPaddock-Job: j1\nPaddock-Epoch: 2\nApproved-by: ann\nApproved-by: bob\n")
    assert said == Origin(job="j1", epoch=2, approved_by=("ann", "bob"))
    fix = origin("fix-x\n\nruff/F401 a.py\n\nPaddock-Fix: j2\nPaddock-Change: c1\nPaddock-Findings: f1, f2\n")
    assert (fix.fix, fix.change, fix.findings) == ("j2", "c1", ("f1", "f2"))
    assert origin("a plain message\n\nSigned-off-by: me") == Origin()
    assert origin("m\n\nPaddock-Agent: a1 (a0)\n").others == {"paddock-agent": "a1 (a0)"}


@pytest.mark.parametrize(
    ("lines", "coders", "agents"),
    [(1_000, (1, 2), 5), (49_999, (1, 2), 5), (50_000, (3, 5), 10), (500_000, (5, 15), 23)],
)
def test_a_fleet_grows_with_its_repository(lines: int, coders: tuple[int, int], agents: int) -> None:
    found = size(lines, None, 4, None, 0)
    assert (found.coders, found.agents, found.indexers, found.fits) == (coders, agents, 1, None)


@pytest.mark.parametrize(
    ("memory", "slots", "idle", "waiting", "helps", "says"),
    [
        (65_536, 0, None, 0, None, "start with one"),
        (65_536, 2, 0.6, 9, False, "60% of the time"),
        (4_096, 2, 0.1, 9, False, "would not fit"),
        (65_536, 5, 0.1, 9, False, "are as many"),
        (65_536, 2, 0.1, 0, False, "no job waits"),
        (65_536, 2, 0.1, 9, True, "9 jobs wait for 2 slots"),
    ],
)
def test_more_agents_are_advised_only_where_they_help(
    memory: int, slots: int, idle: float | None, waiting: int, helps: bool | None, says: str
) -> None:
    found = size(1_000, memory, slots, idle, waiting)
    assert found.more_helps is helps and says in found.verdict


def test_memory_bounds_the_advice() -> None:
    assert size(1_000_000, 1_024, 1, 0, 1).agents == 1
    assert size(1_000_000, 8_192, 1, 0, 1).fits == 5
    assert size(10, 1 << 20, 1, 0, 1).agents == 5
