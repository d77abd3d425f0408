"""Bad input as users give it: one clear line, exit code 2, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.sandbox import probe
from support.fleet import PADDOCK, PATIENCE, Fleet
from support.places import free_port


def said(done: "subprocess.CompletedProcess[str]", *words: str, code: int = 2) -> None:
    """One line on stderr with these words in it, nothing on stdout."""
    assert done.returncode == code, done.stderr
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith("paddock: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_an_unknown_project_is_named(steady: Fleet) -> None:
    said(steady.cli("submit", "--project", "nope", "--id", "a", "--", "true"), "unknown project 'nope'")


def test_an_unknown_kind_is_named_with_those_there_are(steady: Fleet) -> None:
    done = steady.cli("submit", "--project", "shop", "--id", "a", "--kind", "magic", "--", "true")
    said(done, "unknown kind 'magic'", "noop, command")


def test_a_program_that_is_not_there_is_told_apart_from_one_that_fails(steady: Fleet) -> None:
    job = steady.run(["frobnicate", "--all"], id="no-program", max_attempts=1)
    assert steady.until(job)["attempts"][-1]["code"] == "cannot_start"
    told = steady.cli("job", "why", job).stdout
    assert "cannot_start" in told and "not in the box" in told
    if probe().cls == "contained":
        assert b"frobnicate" in steady.log(job)
    other = steady.run(["sh", "-c", "frobnicate"], id="in-a-shell", max_attempts=1)
    assert steady.until(other)["attempts"][-1]["code"] == "exit_code"
    assert "a program was not found" in steady.cli("job", "why", other).stdout


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("project: shop\njobs:\n  - id: a\n    payload: {argv: [ls]}\n    priority: 11\n", ":5", "priority"),
        ("project: shop\njobs:\n  - id: a\n    payload: {argv: [ls]}\n    colour: red\n", ":5", "colour"),
        ("project: shop\njobs:\n  - id: a\n   x: [\n", ":4", ""),
        ("project: shop\njobs:\n  - {id: a, payload: {argv: [ls]}, depends_on: [b]}\n", ":3", "unknown id 'b'"),
        ("project: shop\njobs:\n  - {id: a, payload: {argv: [ls]}, depends_on: [a]}\n", ":3", "depends on itself"),
        (
            "project: shop\njobs:\n  - {id: a, payload: {argv: [ls]}, depends_on: [b]}\n"
            "  - {id: b, payload: {argv: [ls]}, depends_on: [a]}\n",
            ":3",
            "a -> b -> a",
        ),
        (
            "project: shop\njobs:\n  - id: a\n    scope: {files: {write: [/etc]}}\n    payload: {argv: [x]}\n",
            ":4",
            "/etc",
        ),
    ],
)
def test_a_batch_file_is_refused_with_line_and_field(steady: Fleet, text: str, place: str, words: str) -> None:
    path = steady.folder / "batch.yaml"
    path.write_text(text)
    said(steady.cli("submit", "batch.yaml"), f"batch.yaml{place}: ", words)


def test_an_amount_that_is_none_is_named_by_its_flag(steady: Fleet) -> None:
    done = steady.cli("spend", "budget", "shop", "--money-a-day", "lots")
    assert (done.returncode, done.stderr.count("\n")) == (2, 2)
    assert done.stderr.startswith("paddock: argument --money-a-day: 'lots': expected an amount such as 2.50\n")


def test_a_path_that_is_no_repository(steady: Fleet) -> None:
    said(steady.cli("project", "add", "none", str(steady.folder / "nowhere")), "nowhere")
    (steady.folder / "plain").mkdir(exist_ok=True)
    said(steady.cli("project", "add", "none", str(steady.folder / "plain")), "plain", "no")


def test_what_is_not_there_is_named(steady: Fleet) -> None:
    said(steady.cli("job", "show", "nope"), "no job 'nope'")
    said(steady.cli("review", "show", "nope"), "no change 'nope'")
    said(steady.cli("agent", "drain", "nope"), "no agent 'nope'")


def serve(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PADDOCK, "serve", *words], capture_output=True, text=True, timeout=PATIENCE)


def test_a_port_in_use(steady: Fleet, tmp_path: Path) -> None:
    said(serve("--home", str(tmp_path), "--port", str(steady.port)), f"127.0.0.1:{steady.port}", "--port")


def test_two_control_planes_on_one_home(steady: Fleet) -> None:
    said(serve("--home", str(steady.home), "--port", str(free_port())), "another control plane runs on", "--home")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_an_address_that_others_reach_is_refused(tmp_path: Path, host: str) -> None:
    done = serve("--home", str(tmp_path), "--host", host, "--port", str(free_port()))
    said(done, f"{host} is not a loopback address", "SSH tunnel")


def run(state: Path, server: str, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
    words = ["run", "--name", "x", "--state", str(state), "--work", str(state / "work"), "--server", server]
    return subprocess.run([*PADDOCK, *words], env={**clean, **env}, capture_output=True, text=True, timeout=PATIENCE)


def test_an_agent_without_a_token(steady: Fleet, tmp_path: Path) -> None:
    said(run(tmp_path / "new", steady.url), "has not been activated", "paddock token mint")


def test_an_agent_with_a_bad_token_is_refused(steady: Fleet, tmp_path: Path) -> None:
    said(run(tmp_path / "new", steady.url, PADDOCK_TOKEN="act_" + "x" * 43), "token is not good", code=4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"agent": 3}',
        b"\xff\xff",
        b'{"agent":"a","generation":1,"server":"","keys":[{"keyid":"k","role":"job","key":"AAAA"}]}',
    ],
    ids=repr,
)
def test_a_corrupt_agent_json(steady: Fleet, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "agent.json").write_bytes(content)
    said(run(tmp_path, steady.url), "agent.json cannot be read", "activate the agent anew")


def test_two_agents_on_one_state_directory(steady: Fleet) -> None:
    said(run(steady.folder / "agent-a1", steady.url), "another agent runs on", "state directory of its own")


def test_a_key_that_others_can_read_stops_the_agent(steady: Fleet, tmp_path: Path) -> None:
    state = tmp_path / "copied"
    state.mkdir()
    (state / "agent.json").write_bytes((steady.folder / "agent-a1" / "agent.json").read_bytes())
    (state / "agent.key").write_bytes(b"k" * 32)
    (state / "agent.key").chmod(0o644)
    said(run(state, steady.url), "can be read by others", "chmod 600")


def test_an_agent_json_with_anothers_key_is_refused_and_harms_nobody(steady: Fleet, tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_bytes((steady.folder / "agent-a1" / "agent.json").read_bytes())
    done = run(tmp_path, steady.url)
    assert done.returncode == 4 and "does not take this agent" in done.stderr and "Traceback" not in done.stderr
    job = steady.submit({"id": "fine", "kind": "noop", "payload": {}})["fine"]
    assert steady.until(job)["state"] == "done"


def test_a_store_of_a_newer_release(tmp_path: Path) -> None:
    code = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('PRAGMA user_version=999')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "paddock.db")], check=True)
    said(serve("--home", str(tmp_path), "--port", str(free_port())), "schema is at 999")


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "paddock.db").write_bytes(b"no database at all" * 100)
    done = serve("--home", str(tmp_path), "--port", str(free_port()))
    assert done.returncode == 1 and "cannot open the store" in done.stderr and "Traceback" not in done.stderr


def test_a_control_plane_that_is_not_there(steady: Fleet) -> None:
    server = f"http://127.0.0.1:{free_port()}"
    said(steady.cli("--server", server, "jobs"), f"nothing answers at {server}", code=3)


def test_results_are_json_and_complaints_are_not(steady: Fleet) -> None:
    done = steady.cli("jobs", "--json")
    assert isinstance(json.loads(done.stdout), list) and done.stderr == ""
    said(steady.cli("job", "show", "nope", "--json"), "no job 'nope'")
