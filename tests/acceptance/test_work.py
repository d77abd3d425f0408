"""A job's whole way with real processes: from submit to a merged branch, and every way it may end short of that."""

import json
import signal
import time

import pytest

from support.fleet import PATIENCE, Fleet, alive_with
from support.repos import make_repo
from support.wait import wait_until

# Waits until somebody commits a file called `go`; the next attempt starts from a base that has it.
UNTIL_GO = "echo started; while ! test -e go; do sleep 0.05; done"


def test_a_job_becomes_a_change_that_a_person_merges(steady: Fleet) -> None:
    job = steady.run(["sh", "-c", "echo hello > note.txt"], id="hello")
    shown = steady.until(job)
    assert shown["state"] == "in_review" and shown["attempts"][0]["containment"] == "contained"
    gate = steady.api.get(f"/v1/changes/{job}/gate")
    assert (gate["mergeable"], gate["reasons"]) == (False, ["no person has approved it"])
    assert steady.repo.git("show", "main:note.txt", check=False) == ""
    steady.approve(job)
    assert steady.until(job, "done")["state"] == "done"
    assert steady.repo.show("note.txt") == "hello"
    assert f"Paddock-Job: {job}" in steady.repo.git("log", "-1", "--format=%B")


def test_a_job_that_writes_out_of_its_scope_publishes_nothing(steady: Fleet) -> None:
    write = {"files": {"write": ["src/**"]}}
    job = steady.run(["sh", "-c", "echo b > src/b.py; echo x > README.md"], id="sprawl", scope=write)
    shown = steady.until(job)
    [attempt] = shown["attempts"]
    assert (shown["state"], attempt["code"]) == ("failed", "scope_violation")
    assert attempt["result"]["paths"] == ["README.md"]
    assert shown["change"] is None and not steady.repo.tip(f"refs/heads/paddock/{job}")
    assert steady.repo.show("src/b.py", f"refs/paddock/wip/{job}/1") == "b"


def test_a_workflow_file_is_out_of_every_scope(steady: Fleet) -> None:
    job = steady.run(["sh", "-c", "mkdir -p .github/workflows; echo x > .github/workflows/ci.yml"], id="workflow")
    assert steady.until(job)["attempts"][0]["code"] == "scope_violation"


def test_a_job_that_changes_nothing_is_done_without_a_change(steady: Fleet) -> None:
    shown = steady.until(steady.run(["sh", "-c", "cat src/app.py"], id="look"))
    assert (shown["state"], shown["change"]) == ("done", None)


def test_a_failing_job_is_tried_again_later_and_then_fails(steady: Fleet) -> None:
    job = steady.run(["sh", "-c", "echo part > part.txt; exit 3"], id="fails", max_attempts=2)
    shown = steady.until(job, "failed")
    assert [(a["state"], a["code"], a["exit_code"]) for a in shown["attempts"]] == [("failed", "exit_code", 3)] * 2
    assert shown["attempts"][1]["claimed"] - shown["attempts"][0]["ended"] <= 2_500
    assert steady.repo.show("part.txt", f"refs/paddock/wip/{job}/2") == "part"


def test_a_program_that_is_not_there_fails_in_words(steady: Fleet) -> None:
    job = steady.run(["no-such-program"], id="missing", max_attempts=1)
    assert steady.until(job)["state"] == "failed"
    assert b"no-such-program" in steady.log(job)


def test_a_run_past_its_time_is_ended_with_its_whole_group(steady: Fleet) -> None:
    mark = f"sleep 600.{time.monotonic_ns()}"
    job = steady.run(["sh", "-c", f"trap '' TERM; ({mark} &) ; {mark}"], id="slow", timeout=1, max_attempts=1)
    shown = steady.until(job, "failed")
    assert shown["attempts"][0]["code"] == "timeout"
    assert not alive_with(mark.split()[1])


def test_a_megabyte_of_output_comes_whole_while_it_runs(steady: Fleet) -> None:
    script = "yes 0123456789abcde | head -c 1048576; echo; echo THE-END"
    job = steady.run(["sh", "-c", f"{script}; while ! test -e /nothing; do sleep 0.1; done"], id="loud", timeout=60)
    wait_until(lambda: b"THE-END" in steady.log(job, offset=1_000_000), what="the end of the output")
    assert steady.job(job)["state"] == "leased"
    steady.api.post(f"/v1/jobs/{job}/cancel", {})
    steady.until(job, "cancelled")
    first, headers = steady.api.raw(f"/v1/jobs/{job}/log", offset=0)
    rest, ends = steady.api.raw(f"/v1/jobs/{job}/log", offset=int(headers["Paddock-Offset"]))
    whole = first + rest
    assert whole.startswith(b"0123456789abcde\n" * 65_536 + b"\nTHE-END\n") and ends["Paddock-Final"] == "1"


def test_cancel_is_requested_then_delivered_then_confirmed(steady: Fleet) -> None:
    mark = f"sleep 600.{time.monotonic_ns()}"
    job = steady.run(["sh", "-c", f"echo half > half.txt; echo started; {mark}"], id="stopped")
    steady.printed(job, b"started")
    assert steady.cli("job", "cancel", job).returncode == 0
    shown = steady.until(job, "cancelled")
    assert (shown["cancel"], shown["attempts"][0]["state"]) == ("confirmed", "cancelled")
    stages = [event for event in steady.events(job) if event.startswith(("cancel.", "attempt."))]
    assert stages == ["cancel.requested", "cancel.delivered", "attempt.cancelled"]
    assert not alive_with(mark.split()[1])
    assert steady.repo.show("half.txt", f"refs/paddock/wip/{job}/1") == "half"


def test_what_waits_is_released_when_what_it_needs_is_merged(steady: Fleet) -> None:
    ids = steady.submit(
        {"id": "base", "payload": {"argv": ["sh", "-c", "echo 1 > base.txt"]}},
        {"id": "above", "payload": {"argv": ["sh", "-c", "cat base.txt > above.txt"]}, "depends_on": ["base"]},
    )
    steady.until(ids["base"])
    why = steady.api.get(f"/v1/jobs/{ids['above']}/why")
    assert (why["state"], why["summary"]) == ("blocked", "needs base, whose change waits for review")
    steady.approve(ids["base"])
    assert steady.until(ids["above"])["state"] == "in_review"
    assert steady.repo.show("above.txt", f"refs/heads/paddock/{ids['above']}") == "1"


def test_of_two_changes_that_conflict_the_second_is_done_again_on_the_new_base(steady: Fleet) -> None:
    script = "cat src/app.py; echo {} >> src/app.py; cat src/app.py > seen-{}.txt"
    ids = steady.submit(
        *({"id": name, "payload": {"argv": ["sh", "-c", script.format(name, name)]}} for name in ("left", "right"))
    )
    for job in ids.values():
        steady.until(job, "in_review")
    steady.approve(ids["left"])
    steady.until(ids["left"], "done")
    first = steady.job(ids["right"])["change"]
    steady.approve(ids["right"])
    shown = wait_until(
        lambda: (j := steady.job(ids["right"]))["change"] not in (first, None) and j["state"] == "in_review" and j,
        what="a second change",
    )
    assert isinstance(shown, dict)
    assert steady.api.get(f"/v1/changes/{first}")["state"] == "conflicted"
    assert len(shown["attempts"]) == 2
    steady.approve(ids["right"])
    steady.until(ids["right"], "done")
    assert steady.repo.show("src/app.py") == "a\nleft\nright"


def test_a_red_check_sends_the_change_back(steady: Fleet) -> None:
    repo = make_repo(steady.folder / "checked", files={"value.txt": "good\n"}, bare=True)
    steady.project("checked", repo.path, [["grep", "-q", "good", "value.txt"]])
    job = steady.run(["sh", "-c", "echo bad > value.txt"], id="reddens", project="checked", max_attempts=1)
    shown = steady.until(job, "failed")
    change = steady.api.get(f"/v1/changes/{shown['change']}")
    assert change["state"] == "red" and "grep -q good value.txt exits 1" in change["reason"]
    assert repo.show("value.txt") == "good"


def test_a_merge_onto_a_dirty_checkout_waits_and_loses_nothing(steady: Fleet) -> None:
    repo = make_repo(steady.folder / "desk", files={"a.txt": "a\n", "mine.txt": "committed\n"})
    steady.project("desk", repo.path)
    job = steady.run(["sh", "-c", "echo b >> a.txt"], id="desk", project="desk")
    steady.until(job)
    mine = repo.path / "mine.txt"
    mine.write_text("not committed\n")
    steady.approve(job)
    told = wait_until(lambda: "tree_dirty" in (w := steady.api.get(f"/v1/jobs/{job}/why")["summary"]) and w)
    assert "merge-desk" in str(told)
    assert (mine.read_text(), repo.show("a.txt")) == ("not committed\n", "a")
    repo.git("checkout", "--", "mine.txt")
    steady.until(job, "done")
    assert (repo.path / "a.txt").read_text() == "a\nb\n"


def test_a_killed_agents_job_is_done_once_by_another_and_its_work_is_kept(fleet: Fleet) -> None:
    first = fleet.agent("a1")
    job = fleet.run(["sh", "-c", f"echo half > half.txt; {UNTIL_GO}; echo whole > whole.txt"])
    fleet.printed(job, b"started")
    first.kill()
    fleet.repo.commit({"go": ""})
    fleet.agent("a2")
    shown = fleet.until(job, "in_review")
    lost, done = shown["attempts"]
    assert [(lost["state"], lost["epoch"]), (done["state"], done["epoch"])] == [("lost", 1), ("done", 2)]
    assert (shown["losses"], shown["attempt"]) == (1, 1)
    fleet.agent("a1")
    wait_until(lambda: fleet.repo.tip(f"refs/paddock/wip/{job}/1"), what="the dead run's work")
    assert fleet.repo.show("half.txt", f"refs/paddock/wip/{job}/1") == "half"
    wait_until(lambda: fleet.job(job)["attempts"][0]["wip_ref"], what="the attempt names it")
    fleet.approve(job)
    fleet.until(job, "done")
    assert fleet.repo.git("log", "--merges", "--format=%s").splitlines() == ["Merge one"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_that_is_told_to_end_hands_its_job_back_without_using_a_try(
    fleet: Fleet, number: signal.Signals
) -> None:
    first = fleet.agent("a1")
    job = fleet.run(["sh", "-c", f"echo half > half.txt; {UNTIL_GO}"], max_attempts=1)
    fleet.printed(job, b"started")
    first.send(number)
    assert first.popen.wait(PATIENCE) == 0
    shown = fleet.job(job)
    assert (shown["state"], shown["attempt"]) == ("ready", 0)
    assert [(a["state"], a["code"]) for a in shown["attempts"]] == [("returned", "shutdown")]
    assert fleet.repo.show("half.txt", f"refs/paddock/wip/{job}/1") == "half"
    fleet.repo.commit({"go": ""})
    fleet.agent("a2")
    assert fleet.until(job)["state"] == "in_review"


def test_a_drained_agent_finishes_and_takes_nothing_new(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = fleet.run(["sh", "-c", f"{UNTIL_GO} & sleep 0.2; echo ok > ok.txt"])
    fleet.until(job, "in_review")
    assert fleet.cli("agent", "drain", "a1").returncode == 0
    waiting = fleet.submit({"id": "next", "kind": "noop", "payload": {}})["next"]
    why = wait_until(lambda: (w := fleet.api.get(f"/v1/jobs/{waiting}/why"))["reasons"] and w)
    assert why["reasons"] == [{"agent": "a1", "reason": "is draining"}]
    assert fleet.cli("agent", "resume", "a1").returncode == 0
    assert fleet.until(waiting)["state"] == "done"


def test_a_file_name_full_of_control_characters_does_not_silence_its_agent(steady: Fleet) -> None:
    script = "import pathlib\nfor n in range(500): pathlib.Path('\\x01' * 120 + str(n)).write_text('x')"
    job = steady.run(["python3", "-c", script], id="hostile", timeout=60)
    shown = steady.until(job)
    assert shown["state"] == "in_review", json.dumps(shown["attempts"])
    change = steady.api.get(f"/v1/changes/{job}")
    assert len(change["files"]) + change["more_files"] == 500
