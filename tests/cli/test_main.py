"""The door: help for every verb, one line for every error, and the exit codes of the house."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import PADDOCK, Said, environment, paddock
from paddock.cli.columns import fit
from paddock.cli.main import GROUPS
from support.places import free_port

VERBS = [verb for verbs in GROUPS.values() for verb in verbs]


def test_help_needs_nothing_but_the_door(tmp_path: Path) -> None:
    code = "import sys; from paddock.cli.main import entry; sys.argv = ['paddock', '--help']; entry(); "
    code += "print(*sorted(name for name in sys.modules if name.startswith(('paddock', 'argparse', 'json'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1].split() == ["paddock", "paddock.cli", "paddock.cli.main"]


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], []])
def test_the_overview_names_every_verb(tmp_path: Path, words: list[str]) -> None:
    said = paddock(tmp_path, *words)
    assert (said.code, said.err) == (0, "")
    assert all(f"\n  {verb} " in said.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(tmp_path: Path, verb: str) -> None:
    said, same = paddock(tmp_path, "help", verb), paddock(tmp_path, verb, "--help")
    assert (said.code, said.out, said.err) == (0, same.out, "")
    assert f"usage: paddock {verb}" in said.out and "example:\n  " in said.out and "--json" in said.out
    for part in re.findall(r"^    ([a-z-]+) ", said.out.partition("PART\n")[2].partition("\n\n")[0], re.MULTILINE):
        assert re.search(rf"^  .*paddock {verb} {part}\b", said.out, re.MULTILINE), f"no example of {verb} {part}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["jbos"], "paddock: there is no verb 'jbos' (did you mean `paddock jobs`?)\n"),
        (["logs"], "paddock: there is no verb 'logs' (did you mean `paddock job logs`?)\n"),
        (["policy", "check", "--policy", "/nowhere"], "paddock: there is no policy /nowhere "),
        (["run", "--policy", "/nowhere"], "paddock: there is no policy /nowhere "),
        (["report", "--dry-run"], "paddock: no agent has run with "),
        (["xyzzy"], "paddock: there is no verb 'xyzzy' (paddock --help lists the verbs)\n"),
        (["--json"], "paddock: a verb is missing (paddock --help lists the verbs)\n"),
        (["help", "xyzzy"], "paddock: there is no verb 'xyzzy' (paddock --help lists the verbs)\n"),
        (["jobs", "--limt", "3"], "paddock: unrecognized arguments: --limt 3\nTry: paddock help jobs\n"),
        (["jobs", "--limit", "0"], "paddock: argument --limit: 0 is too small, at least 1\nTry: paddock help jobs\n"),
        (["job"], "paddock: the following arguments are required: PART\nTry: paddock help job\n"),
        (["job", "show"], "paddock: the following arguments are required: JOB\nTry: paddock job show --help\n"),
        (["submit", "none.yaml"], "paddock: there is no file none.yaml\n"),
        (["--server", "ftp://x", "fleet"], "paddock: 'ftp://x' is no address of a control plane "),
        (["submit"], "paddock: there is nothing to submit "),
        (["submit", "--id", "x", "--", "make"], "paddock: --project is missing "),
        (["submit", "a.yaml", "--id", "x"], "paddock: either a batch file or one job by flags, not both "),
        (["project", "add", "p", "."], "paddock: . is no git repository "),
        (["project", "add", "p", "/nowhere"], "paddock: /nowhere is no git repository: there is no such directory\n"),
        (["project", "add", "p", ".", "--check", "'"], 'paddock: --check "\'": no closing quotation\n'),
        (["activate"], "paddock: there is no activation token "),
        (["status", "--state", "none"], "paddock: no agent has run with "),
        (["demo", "--repo", "."], "paddock: --repo needs --jobs"),
        (["demo", "--jobs", "none.yaml"], "paddock: there is no file none.yaml\n"),
        (["serve", "--port", "x"], "paddock: --port: 'x' is no whole number\n"),
        (
            ["fan-out", "--jobs", "3"],
            "paddock: the following arguments are required: --seconds\nTry: paddock help fan-out\n",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str], told: str) -> None:
    said = paddock(tmp_path, *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(told)
    assert said.err.count("\n") == 1 + ("\nTry: " in said.err)


def test_a_control_plane_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    server = f"http://127.0.0.1:{free_port()}"
    said = paddock(tmp_path, "jobs", PADDOCK_SERVER=server)
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith(f"paddock: nothing answers at {server} (start one with `paddock up`")


def test_a_global_flag_may_stand_before_the_verb(tmp_path: Path) -> None:
    assert paddock(tmp_path, "--json", "version").json() == paddock(tmp_path, "version", "--json").json()


def test_fan_out_needs_no_control_plane_when_the_cost_is_given(tmp_path: Path) -> None:
    pays = paddock(tmp_path, "fan-out", "--jobs", "12", "--seconds", "30", "--spawn", "2", "--slots", "4", "--json")
    assert pays.json() == {
        "jobs": 12,
        "slots": 4,
        "total_seconds": 360.0,
        "makespan_seconds": 90.0,
        "spawn_seconds": 2.0,
        "saving_seconds": 270.0,
        "fan_out": True,
        "spawn_source": "given",
    }
    said = paddock(tmp_path, "fan-out", "--jobs", "2", "--seconds", "1", "--spawn", "5")
    assert said.out.startswith("run them one after the other\n")


def test_settings_that_are_no_file_are_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").mkdir()
    said = paddock(tmp_path, "jobs")
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PADDOCK, "--help"], stdout=writing, stderr=subprocess.PIPE, env=environment(tmp_path))
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_is_exit_code_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PADDOCK, "submit", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path, PYTHONVERBOSE="1"),
    )
    assert process.stderr is not None
    # The last module that the verb imports before it reads its input.
    for line in process.stderr:
        if line.startswith(b"import 'paddock.cli.submit'"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_results_stay_apart_from_words(tmp_path: Path) -> None:
    said: Said = paddock(tmp_path, "doctor", "--json")
    facts = said.json()
    assert facts["containment"] in ("contained", "none")
    assert (said.code == 0) == (facts["containment"] == "contained")


def test_tables_break_no_word_and_leave_spare_columns_out_where_there_is_no_room() -> None:
    rows = [
        ("JOB", "KIND", "LABELS", "WHY"),
        ("j01m7z5eb1kewyg9hdm41", "command", "", "its change was rejected by root"),
    ]
    assert fit(rows, [1], 200)[1] == [*rows[1][:2], " " * 6, rows[1][3]]
    assert fit(rows, [1], 55) == [
        ["JOB".ljust(21), "KIND   ", "WHY".ljust(23)],
        [rows[1][0], "command", "its change was rejected"],
        [" " * 21, " " * 7, "by root".ljust(23)],
    ]
    assert [line[-1].strip() for line in fit(rows, [1], 40)] == ["WHY", "its change was", "rejected by root"]
    assert all(line[0] in ("JOB".ljust(21), rows[1][0], " " * 21) for line in fit(rows, [1], 10))
