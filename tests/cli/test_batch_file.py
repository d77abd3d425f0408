"""A batch file that cannot be used is told in one line with the file, the line and the field."""

from pathlib import Path

import pytest

from paddock.cli import batch_file
from paddock.core.errors import BadInput

HEAD = "project: shop\njobs:\n"
OK = "  - id: a\n    payload: {argv: [make]}\n"

# name of the file, its text, what the complaint begins with
WRONG = [
    ("b.yaml", f"{HEAD}{OK}  - id: b\n    scope:\n      fils: [x]\n", "b.yaml:7: jobs[1].scope: there is an unknown"),
    ("b.yaml", f"{HEAD}  - id: a\n    priority: 11\n", "b.yaml:4: jobs[0].priority: Expected `int` <= 10"),
    (
        "b.yaml",
        f"{HEAD}  - id: a\n    payload:\n      argv: make\n",
        "b.yaml:5: jobs[0]: job 'a': payload.argv: expected",
    ),
    ("b.yaml", f"{HEAD}  - id: a\n    payload: {{}}\n", "b.yaml:4: jobs[0]: job 'a': payload: field 'argv' is missing"),
    ("b.yaml", f"{HEAD}{OK}    kind: comand\n", "b.yaml:5: unknown kind 'comand'"),
    ("b.yaml", f"{HEAD}{OK}    depends_on: [zz]\n", "b.yaml:5: job 'a' depends on unknown id 'zz'"),
    ("b.yaml", f"{HEAD}{OK}    depends_on: [a]\n", "b.yaml:5: job 'a' depends on itself"),
    (
        "b.yaml",
        f"{HEAD}{OK}    depends_on: [b]\n  - id: b\n    depends_on: [a]\n    payload: {{argv: [make]}}\n",
        "b.yaml:5: dependencies form a cycle: a -> b -> a",
    ),
    ("b.yaml", f"{HEAD}{OK}{OK}", "b.yaml:5: jobs[1].id: id 'a' stands twice in the batch"),
    ("b.yaml", f"{HEAD}{OK}project: other\n", "b.yaml:5: 'project' stands twice, first in line 1"),
    ("b.yaml", f"{HEAD}  - id: a\n\tpayload: x\n", "b.yaml:4: found a tab character"),
    ("b.yaml", "project: shop\njobs: [\n", "b.yaml:3: "),
    ("b.yml", "- a\n", "b.yml: a batch is a mapping with `project` and `jobs`, this is a list"),
    ("b.yaml", "", "b.yaml is empty"),
    ("b.yaml", "project: shop\njobs: []\n", "b.yaml:2: jobs: a batch holds 1 to 20,000 jobs, this one 0"),
    ("b.yaml", "project: &a [*a]\n", "b.yaml:1: "),
    ("b.yaml", "a: !!python/object:os.system x\n", "b.yaml:1: could not determine a constructor"),
    ("b.yaml", "project: \0\n", "b.yaml:1: this is no text: it holds the control character"),
    (
        "b.json",
        '{"project": "p",\n "jobs": [\n  {"id": "a",\n   "prio": 1}]}',
        "b.json:4: jobs[0]: there is an unknown",
    ),
    ("b.json", '{"project": "p",\n "jobs": [{"id": "a", "id": "b"}]}', "b.json:2: 'id' stands twice"),
    ("b.json", '{"project": "p",\n "jobs": [', "b.json:2: expecting value"),
    (
        "b.toon",
        "project: p\njobs[1]:\n  - id: a\n    payload:\n      argv[1]: make\n    scope:\n      fils[1]: x\n",
        "b.toon:7: jobs[0].scope: there is an unknown field `fils`",
    ),
    ("b.toon", "project: p\njobs[2]{id,kind}:\n  a,noop\n  b,nop\n", "b.toon:4: unknown kind 'nop'"),
    ("b.toon", "project: p\njobs[3]: a,b\n", "b.toon:2: Array declared length 3"),
]


def complaint(path: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        batch_file.read(path).check()
    return caught.value


@pytest.mark.parametrize(("name", "text", "begins"), WRONG, ids=[case[2][:60] for case in WRONG])
def test_a_wrong_file_is_told_with_its_line(
    name: str, text: str, begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    assert complaint(name).message.startswith(begins)


def test_what_is_no_file_of_text_is_told_in_words(tmp_path: Path) -> None:
    assert complaint(str(tmp_path)).message.endswith("is a directory, not a batch file")
    assert complaint(str(tmp_path / "no.yaml")).message.startswith("there is no file")
    (tmp_path / "b.yaml").write_bytes(b"project: shop\njobs: \xff\xfe")
    assert complaint(str(tmp_path / "b.yaml")).message.endswith("b.yaml:2: this is no text in UTF-8")


def test_tabs_get_a_hint(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("project: p\njobs:\n\t- id: a\n")
    assert complaint(str(tmp_path / "b.yaml")).hint == "indent with blanks, YAML takes no tabs"


def test_aliases_do_not_grow_without_bound(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]
    (tmp_path / "b.yaml").write_text("\n".join(rows))
    assert "too large for a batch" in complaint(str(tmp_path / "b.yaml")).message


def test_the_same_batch_reads_the_same_in_every_format(tmp_path: Path) -> None:
    texts = {
        "b.yaml": f"{HEAD}{OK}",
        "b.json": '{"project": "shop", "jobs": [{"id": "a", "payload": {"argv": ["make"]}}]}',
        "b.toon": "project: shop\njobs[1]:\n  - id: a\n    payload:\n      argv[1]: make\n",
        "batch": f"{HEAD}{OK}",
    }
    bodies = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        batch = batch_file.read(str(tmp_path / name))
        batch.check()
        bodies.append(batch.body)
    assert bodies == [bodies[0]] * len(texts)


def test_dates_stay_texts_and_numbers_numbers(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("project: 2024-01-01\njobs: [1, 1.5, true, null, 'x']\n")
    body = batch_file.read(str(tmp_path / "b.yaml")).body
    assert body == {"project": "2024-01-01", "jobs": [1, 1.5, True, None, "x"]}


def test_a_servers_complaint_gets_its_line_too(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(f"{HEAD}{OK}")
    placed = batch_file.read(str(tmp_path / "b.yaml")).placed(BadInput("no such thing", where="jobs[0].payload.argv"))
    assert placed.message.endswith("b.yaml:4: jobs[0].payload.argv: no such thing")
