"""Reviewers that hold a change against its base: semgrep by the base's rules, and coverage."""

import pytest

from paddock.runners.review_coverage import percent
from paddock.runners.review_tools import NotRun
from review.test_loop import review
from support.fleet import Fleet
from support.repos import make_repo

# Says what semgrep says, of each line that holds the word that its rules name.
SEMGREP = """#!/usr/bin/env python3
import json, pathlib, sys
words = sys.argv[1:]
assert words[0] == "scan" and "--disable-nosem" in words and words[words.index("--metrics") + 1] == "off"
bad = pathlib.Path(words[words.index("--config") + 1]).read_text().strip()
found = [
    {"check_id": f"rules.{bad}", "path": name, "start": {"line": at}, "extra": {"message": "no", "severity": "ERROR"}}
    for name in words[words.index("--config") + 2 :]
    for at, text in enumerate(pathlib.Path(name).read_text().splitlines(), 1) if bad in text
]
pathlib.Path(words[words.index("--output") + 1]).write_text(json.dumps({"results": found, "errors": []}))
"""
MEASURE = """printf 'SF:a\\nLF:%s\\nLH:%s\\nend_of_record\\n' $(grep -c . a.txt) $(grep -c tested a.txt) > "$0" """


def test_what_was_there_before_is_nobodys_and_what_was_reached_stays_reached(fleet: Fleet) -> None:
    program = fleet.folder / "tools" / "bin" / "semgrep"
    program.parent.mkdir(parents=True)
    program.write_text(SEMGREP)
    program.chmod(0o755)
    fleet.agent("measures", more=["--tools", str(fleet.folder / "tools"), "--capabilities", "measures"])
    files = {".semgrep.yml": "eval\n", "a.txt": "tested\ntested\nnot\nuses eval\n"}
    repo = make_repo(fleet.folder / "measured", 1, bare=True, files=files)
    fleet.project("measured", repo.path)
    rules = {
        "reviewers": ["semgrep", "coverage"],
        "coverage": {"argv": ["sh", "-c", MEASURE, "{coverage}"], "most_drop": 1},
        "requires": ["measures"],
    }
    fleet.api.post("/v1/projects/measured/review", {"rules": rules, "by": "ann"})
    script = "printf 'new\\neval twice # nosem\\n' >> a.txt; echo never > .semgrep.yml"
    job = fleet.run(["sh", "-c", script], id="measured", project="measured")
    fleet.until(job, "in_review")
    stands = review(fleet, job)
    assert all(one["ran"] for one in stands["reviews"][0]["reviewers"]), stands["reviews"]
    told = {one["name"]: (one["path"], one["line"], one["message"]) for one in stands["findings"]}
    assert told["semgrep/eval"] == ("a.txt", 6, "no")
    assert told["coverage/drop"][2] == "tests reach 33.33 % of the lines, 50.00 % without the change"
    assert len(told) == 2
    fleet.agents["measures"].stop()


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'<?xml version="1.0"?>\n<coverage line-rate="0.8125" version="7"><packages/></coverage>', 81.25),
        (b'{"meta": {}, "totals": {"percent_covered": 81.25}}', 81.25),
        (b'{"total": {"lines": {"total": 16, "covered": 13, "pct": 81.25}}}', 81.25),
        (b"TN:\nSF:a.c\nLF:10\nLH:10\nend_of_record\nSF:b.c\nLF:6\nLH:3\nend_of_record\n", 81.25),
    ],
)
def test_reports_of_coverage_are_read(raw: bytes, found: float) -> None:
    assert percent(raw) == pytest.approx(found)


@pytest.mark.parametrize("raw", [b"", b"<", b"<coverage/>", b"{", b'{"totals": []}', b"LF:0\nLH:0", b"LF:1\nLH:7"])
def test_what_is_no_report_is_no_measure(raw: bytes) -> None:
    with pytest.raises(NotRun):
        percent(raw)
