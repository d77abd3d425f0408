"""From a line of a file to the job that wrote it: what git says of the line, and the trailers that Paddock left."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HEADER = re.compile(r"^([0-9a-f]{40,64}) (\d+) (\d+)")
_TRAILER = re.compile(r"^([A-Za-z][A-Za-z-]*): (.+)$")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line as `git blame --porcelain` tells it; `commit` is zeros for what is not committed."""

    commit: str
    number: int
    path: str
    text: str
    author: str
    summary: str

    @property
    def committed(self) -> bool:
        """Whether a commit holds it."""
        return set(self.commit) != {"0"}


def parse_porcelain(output: str) -> Line | None:
    """The first line of the output; None when it tells none."""
    lines = output.split("\n")
    header = _HEADER.match(lines[0])
    if header is None:
        return None
    said: dict[str, str] = {}
    for line in lines[1:]:
        if line.startswith("\t"):
            return Line(
                commit=header[1],
                number=int(header[2]),
                path=said.get("filename", ""),
                text=line[1:],
                author=said.get("author", ""),
                summary=said.get("summary", ""),
            )
        name, _, value = line.partition(" ")
        said[name] = value
    return None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who wrote a commit, as its trailers say; empty where they say nothing."""

    job: str = ""
    epoch: int = 0
    change: str = ""
    fix: str = ""
    findings: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    # Models that were told of, and digests of the coding agents' sessions.
    models: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


def origin(message: str) -> Origin:
    """What the trailers at the end of a commit's message say."""
    given: dict[str, list[str]] = {}
    for line in message.rstrip().rpartition("\n\n")[2].split("\n"):
        found = _TRAILER.match(line)
        if found:
            given.setdefault(found[1].lower(), []).append(found[2].strip())

    def one(name: str) -> str:
        return given.get(name, [""])[-1]

    known = {"paddock-job", "paddock-epoch", "paddock-change", "paddock-fix", "paddock-findings", "approved-by"}
    known |= {"paddock-model", "paddock-model-session", "paddock-signature"}
    return Origin(
        job=one("paddock-job"),
        epoch=int(one("paddock-epoch")) if one("paddock-epoch").isdecimal() else 0,
        change=one("paddock-change"),
        fix=one("paddock-fix"),
        findings=tuple(part.strip() for part in one("paddock-findings").split(",") if part.strip()),
        approved_by=tuple(given.get("approved-by", ())),
        models=tuple(given.get("paddock-model", ())),
        sessions=tuple(given.get("paddock-model-session", ())),
        others={
            name: values[-1] for name, values in given.items() if name not in known and name.startswith("paddock-")
        },
    )
