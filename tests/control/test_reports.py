"""Support reports: from an agent's host to the operators' page, without its secrets."""

import json
from pathlib import Path

import pytest

from paddock.agent.report import LOG, compose, last_lines
from paddock.wire.messages import encode
from paddock.wire.report import LINES, MOST_BYTES, Report
from support.fleet import Fleet
from support.light import Light, Refused
from support.wait import wait_until

SECRET = "ghp_" + "a" * 36


def test_a_host_asks_for_help_and_operators_read_it(plane: Fleet) -> None:
    plane.agent("asks")
    state = plane.folder / "agent-asks"
    with (state / LOG).open("a") as log:
        log.writelines(f'{{"message":"line {number}"}}\n' for number in range(LINES))
        log.write(f"cloned with {SECRET}\n")
    words = ("report", "--state", str(state), "--logs", "--note", f"it fails with {SECRET}")
    shown = json.loads(plane.cli(*words, "--dry-run").stdout)
    assert (len(shown["log"]), shown["status"]["name"]) == (LINES, "asks")
    said = plane.cli(*words, "--json")
    assert said.returncode == 0, said.stderr
    made = json.loads(said.stdout)
    found = plane.api.get(f"/v1/reports/{made['report']}")
    assert (found["name"], found["lines"], found["status"]["name"]) == ("asks", LINES, "asks")
    assert found["note"] == "it fails with " + "*" * len(SECRET)
    assert any("cloned with ****" in line for line in found["log"])
    assert SECRET not in json.dumps(found)
    page = plane.api.raw("/admin/reports")[0].decode()
    assert f"/admin/reports/{made['report']}" in page
    assert "cloned with" in plane.api.raw(f"/admin/reports/{made['report']}")[0].decode()
    again = plane.cli(*words)
    assert again.returncode != 0
    assert "a moment ago" in again.stderr
    plane.agents["asks"].stop()


def test_only_the_agent_itself_reports(plane: Fleet) -> None:
    agent, stranger = Light(plane.api, plane.port, "mine"), Light(plane.api, plane.port, "other")
    with pytest.raises(Refused, match="unauthorised"):
        stranger.post("/v1/report", encode(Report(note="x")), "report", agent.agent)
    with pytest.raises(Refused, match="malformed"):
        agent.post("/v1/report", b'{"colour":"red"}', "report")


def test_status_tells_where_an_agent_stands_and_what_host_it_shows(plane: Fleet) -> None:
    plane.agent("seen")
    path = plane.folder / "agent-seen"
    wait_until(lambda: "standing" in json.loads((path / "status.json").read_text()), 30, what="it stands")
    said = plane.cli("status", "--state", str(path)).stdout
    assert "standing       active" in said
    assert "host           known by its " in said
    assert "version        " in said
    plane.agents["seen"].stop()


def test_a_report_fits_and_a_log_stays_within_its_bounds(tmp_path: Path) -> None:
    (tmp_path / f"{LOG}.1").write_text("older\n")
    (tmp_path / LOG).write_text("".join(f"{number} {'x' * 1_990}\n" for number in range(150)))
    assert last_lines(tmp_path)[0] == "older"
    report = compose(tmp_path, "", logs=True)
    assert len(encode(report)) <= MOST_BYTES
    assert report.log[-1].startswith("149 ")
    assert compose(tmp_path / "nowhere", "note", logs=False) == Report(note="note")
