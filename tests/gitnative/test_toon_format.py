"""What the TOON specification publishes as its own fixtures, held against the library and against how it is called."""

import json
from pathlib import Path
from typing import Any

import toons

from paddock.gitnative import toon
from paddock.gitnative.errors import TaskInvalid

# Those of version 4.1 of toon-format/spec, without their remarks: name, input, expected or error, options.
ROWS: list[dict[str, Any]] = [
    json.loads(row) for row in (Path(__file__).parent / "toon_format" / "fixtures.jsonl").read_text().splitlines()
]
REFUSED = object()
STRICT = {"strict": True, "indentSize": 2}


def _kind(kind: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["name"].startswith(f"{kind}/")]


def _same(got: object, wanted: object) -> bool:
    # JSON's own notation tells true from 1 and keeps the order of fields; 1.0 and 1 are one number in it.
    return got is wanted or (
        got == wanted and json.dumps(got).replace(".0", "") == json.dumps(wanted).replace(".0", "")
    )


def _wanted(row: dict[str, Any]) -> object:
    return REFUSED if row.get("error") else row["expected"]


def _decoded(row: dict[str, Any]) -> object:
    options = row.get("options", {})
    try:
        return toons.loads(row["input"], strict=options.get("strict", True), indent_size=options.get("indentSize", 2))
    except ValueError:
        return REFUSED


def _encoded(row: dict[str, Any]) -> object:
    options = row.get("options", {})
    try:
        return toons.dumps(
            row["input"], indent_size=options.get("indentSize", 2), delimiter=options.get("delimiter", ",")
        )
    except ValueError:
        return REFUSED


def _read(row: dict[str, Any]) -> object:
    try:
        document = toon.loads(row["input"], "x")
    except TaskInvalid as error:
        assert error.line >= 1, row["name"]
        return REFUSED
    assert all(document.line(name) >= 1 for name in document.value)
    return document.value


def test_every_published_fixture_is_decoded_and_encoded_as_it_says() -> None:
    assert (len(_kind("decode")), len(_kind("encode"))) == (359, 179)
    assert [row["name"] for row in _kind("decode") if not _same(_decoded(row), _wanted(row))] == []
    assert [row["name"] for row in _kind("encode") if not _same(_encoded(row), _wanted(row))] == []


def test_files_are_read_and_written_as_the_fixtures_say() -> None:
    usual = [row for row in _kind("decode") if STRICT | row.get("options", {}) == STRICT]
    # One blank for a level is the older dialect here, and line ends of other systems are taken for ours.
    ours = [row for row in usual if not toon.is_dialect(row["input"]) and "\r" not in row["input"]]
    assert len(ours) > 300
    mapped = [row for row in ours if isinstance(_wanted(row), dict)]
    assert [row["name"] for row in mapped if not _same(_read(row), _wanted(row))] == []
    # What is refused there is refused here, and so is what is no mapping.
    assert [row["name"] for row in ours if row not in mapped and _read(row) is not REFUSED] == []
    plain = [row for row in _kind("encode") if not row.get("options")]
    assert [row["name"] for row in plain if toon.dumps(row["input"]) != f"{row['expected']}\n"] == []
