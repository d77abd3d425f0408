"""What the kernel says of a process."""

import os
import time
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> dict[str, float]:
    """Resident, proportional, private and anonymous (not of files) memory in MB of 2^20 bytes."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        found[name] = int(value.split()[0])
    private = found["Private_Clean"] + found["Private_Dirty"]
    sizes = {"rss": found["Rss"], "pss": found["Pss"], "private": private, "anonymous": found["Anonymous"]}
    return {f"{name}_mb": size / 1024 for name, size in sizes.items()}


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, to the nanosecond where the kernel tells it of its threads."""
    told = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    if told:
        return sum(int(thread[0]) for thread in told) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def wakeups(pid: int) -> int:
    """How often the threads of a process have waited for something and gone on."""
    named = "voluntary_ctxt_switches:"
    said = (path.read_text().splitlines() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(line.split()[1]) for lines in said for line in lines if line.startswith(named))


class CpuShare:
    """The part of one core that a process used since this was made."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began, self._used = time.monotonic(), cpu_seconds(pid)

    def seconds(self) -> float:
        """Seconds since."""
        return time.monotonic() - self._began

    def used(self) -> float:
        """Processor seconds used since."""
        return cpu_seconds(self._pid) - self._used

    def value(self) -> float:
        """1.0 is one whole core."""
        return self.used() / self.seconds()
