"""What one run may take at most, and the host's own ceilings."""

import os
import resource
from collections.abc import Sequence

import msgspec


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """Processes of one run, bytes of one file, and bytes of memory (0: three quarters of the host's)."""

    processes: int = 4_096
    file_bytes: int = 8 << 30
    memory: int = 0

    @property
    def memory_bytes(self) -> int:
        return self.memory or host_memory() * 3 // 4


def host_memory() -> int:
    """Bytes of memory that this host has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def flags(ceiling: Ceiling, *, grouped: bool) -> Sequence[str]:
    """Arguments of prlimit. Where no control group bounds all processes together, each is bounded by itself.

    Private memory that can be written is counted, not address space, which many runtimes reserve and never use.
    """
    out = [
        "--core=0",
        f"--nproc={_limit(resource.RLIMIT_NPROC, ceiling.processes)}",
        f"--fsize={_limit(resource.RLIMIT_FSIZE, ceiling.file_bytes)}",
    ]
    return out if grouped else [*out, f"--data={_limit(resource.RLIMIT_DATA, ceiling.memory_bytes)}"]


def _limit(kind: int, wanted: int) -> int:
    """`wanted`, or the host's own ceiling where that is lower."""
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
