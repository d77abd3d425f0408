"""A job's whole way with real processes: from submit to a merged branch, and every way it may end short of that."""

from support.fleet import Fleet


def test_smoke(steady: Fleet) -> None:
    job = steady.run(["sh", "-c", "echo hello > note.txt"], id="hello")
    shown = steady.until(job)
    assert shown["state"] == "in_review"
    steady.approve(job)
    assert steady.until(job, "done")["state"] == "done"
    assert steady.repo.show("note.txt") == "hello"
