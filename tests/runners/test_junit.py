"""JUnit XML as checks write it, and as somebody hostile might."""

import subprocess
import sys
from pathlib import Path

import pytest

from paddock.runners.junit import BadReport, name_of, parse


def test_what_pytest_writes_is_read_with_pytests_own_names(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "test_a.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip\n"
        "def test_left_out(): pass\n"
        "class TestGroup:\n"
        "    def test_in(self): pass\n"
        "    @pytest.mark.parametrize('n', [1, 2])\n"
        "    def test_many(self, n): assert n == 1\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--disable-plugin-autoload", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "--junitxml=out.xml"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    report = parse((tmp_path / "out.xml").read_bytes())
    assert report.passed == {
        "pkg/test_a.py::test_good",
        "pkg/test_a.py::TestGroup::test_in",
        "pkg/test_a.py::TestGroup::test_many[1]",
    }
    assert report.failed == {"pkg/test_a.py::test_bad", "pkg/test_a.py::TestGroup::test_many[2]"}
    assert report.skipped == {"pkg/test_a.py::test_left_out"}
    assert report.total == 6


def test_a_test_that_stands_twice_is_failed_when_either_run_failed() -> None:
    case = '<testcase classname="m" name="t">{}</testcase>'
    both = f"<testsuite>{case.format('')}{case.format('<failure/>')}{case.format('')}</testsuite>"
    report = parse(both.encode())
    assert (report.passed, report.failed) == (set(), {"m.py::t"})


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        b"<html></html>",
        b"<testsuite>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite name="&a;"/>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>',
    ],
)
def test_what_is_no_report_is_refused(document: bytes) -> None:
    with pytest.raises(BadReport):
        parse(document)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"classname": "tests.test_a", "name": "test_x"}, "tests/test_a.py::test_x"),
        ({"classname": "tests.test_a.TestB", "name": "test_x"}, "tests/test_a.py::TestB::test_x"),
        ({"classname": "", "name": "suite"}, "suite"),
        ({"name": "x" * 3_000}, "x" * 1_000),
    ],
)
def test_names(attributes: dict[str, str], name: str) -> None:
    assert name_of(attributes) == name
