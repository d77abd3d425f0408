"""Open files: an agent takes two of them, one connection for its beats and one for its wake channel."""

import logging
import resource

_log = logging.getLogger("paddock.web")
PER_AGENT = 2
# The store's, the logs', people's.
OTHERS = 200
# Enough for everybody, where a system sets no bound.
PLENTY = 1 << 20


def open_up() -> int:
    """Takes as many open files as the system allows this process, and returns how many that are.

    Systems start processes with few, for the sake of programs that cannot count beyond; this one can.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = PLENTY if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (ValueError, OSError):  # the kernel's own bound is lower
            return soft
    return allowed


def channels() -> tuple[int, int]:
    """How many wake channels leave room for as many connections that beat, and how many there may be at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = PLENTY if soft == resource.RLIM_INFINITY else soft
    return max(16, (files - OTHERS) // PER_AGENT), max(16, files * 4 // 5 - OTHERS)


def warn_if_few(files: int, agents: int) -> bool:
    """Says what to raise when the fleet is larger than so many open files can serve."""
    wanted = PER_AGENT * agents + OTHERS
    if wanted <= files:
        return False
    _log.warning(
        "%d agents take up to %d open files and this process may have %d: raise its limit (LimitNOFILE=, ulimit -Hn)",
        agents,
        wanted,
        files,
        extra={"action": "files.few"},
    )
    return True
