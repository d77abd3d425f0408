"""JUnit XML as checks write it: hostile text from a box, read without entities and within bounds."""

from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 32 << 20
MAX_TESTS = 200_000


@dataclass
class Report:
    """The tests of one run by name, `file::class::test` as far as the file tells."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return len(self.passed) + len(self.failed) + len(self.skipped)


class BadReport(ValueError):
    """The file is no JUnit XML."""


def parse(data: bytes) -> Report:
    """Raises: BadReport, also for documents with a DTD (no entity is ever expanded)."""
    if len(data) > MAX_BYTES:
        raise BadReport("the report is too large")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadReport(f"the report is no XML: {error}") from None
    if not reader.suites:
        raise BadReport("the report holds no test suite")
    return reader.report


def _no_doctype(*_: object) -> None:
    raise BadReport("the report has a document type")


class _Reader:
    def __init__(self) -> None:
        self.report = Report()
        self.suites = 0
        self._case = ""
        self._end = "passed"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("testsuite", "testsuites"):
            self.suites += 1
        elif tag == "testcase":
            self._case = name_of(attributes)
            self._end = "passed"
        elif tag in ("failure", "error"):
            self._end = "failed"
        elif tag == "skipped" and self._end == "passed":
            self._end = "skipped"

    def end(self, tag: str) -> None:
        if tag == "testcase" and self._case:
            if self.report.total >= MAX_TESTS:
                raise BadReport("the report holds too many tests")
            # A test that stands twice counts as failed when either run of it failed.
            if self._end == "failed":
                self.report.passed.discard(self._case)
                self.report.failed.add(self._case)
            elif self._case not in self.report.failed:
                getattr(self.report, self._end).add(self._case)


def name_of(attributes: dict[str, str]) -> str:
    """A test's name: `file.py::Class::test` from pytest's dotted class name, `class::test` from others."""
    dotted = attributes.get("classname", "")
    test = attributes.get("name", "")
    parts = dotted.split(".")
    classes: list[str] = []
    while parts and parts[-1][:1].isupper():
        classes.insert(0, parts.pop())
    module = "/".join(parts) + ".py" if parts and parts != [""] else ""
    return "::".join(part for part in (module, *classes, test) if part)[:1_000]
