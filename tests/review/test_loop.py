"""A change on its way through reviewers and fixers, with real processes: found, mended, looked at again, merged."""

import json
from typing import Any

from support.fleet import PATIENCE, Fleet
from support.repos import git, make_repo
from support.wait import wait_until

# Tells each line of a file that holds BUG, by its number; nothing else is needed to be a reviewer.
LENS = r"""
import json, pathlib, sys
found = [
    {"rule": text.split()[-1], "path": str(path), "line": at, "severity": "high", "message": "a planted bug"}
    for path in sorted(pathlib.Path(".").rglob("*.txt"))
    for at, text in enumerate(path.read_text().splitlines(), 1) if "BUG" in text
]
pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
"""
# Mends the first finding that it is told of, and claims to have mended them all.
MENDER = r"""
import json, pathlib, sys
first = json.loads(pathlib.Path(sys.argv[1]).read_text())[0]
path = pathlib.Path(first["path"])
lines = path.read_text().splitlines()
lines[first["line"] - 1] = "mended"
path.write_text("\n".join(lines) + "\n")
print("all mended")
"""
TOOL = {"name": "lens", "argv": ["python3", "-c", LENS, "{findings}"]}
FIXER = {"argv": ["python3", "-c", MENDER, "{findings}"], "requires": ["python"]}


def begin(fleet: Fleet, name: str, script: str, **rules: Any) -> str:
    """A project with these rules, and a job in it whose change is to be reviewed; the job's id."""
    repo = make_repo(fleet.folder / name, 1, bare=True, files={"README.md": "# A\n", "pyproject.toml": "[tool.ruff]\n"})
    fleet.project(name, repo.path)
    fleet.api.post(f"/v1/projects/{name}/review", {"rules": rules, "by": "ann"})
    job = fleet.run(["sh", "-c", script], id=name, project=name)
    fleet.until(job, "in_review")
    return job


def review(fleet: Fleet, job: str) -> dict[str, Any]:
    """Where the reviews of a job's change stand once nothing more is asked for."""

    def look() -> dict[str, Any] | None:
        stands: dict[str, Any] = fleet.api.get(f"/v1/changes/{job}")["review"]
        return stands if stands["reviewed"] and stands["stop"] else None

    found = wait_until(look, 2 * PATIENCE, what=f"the reviews of {job} end")
    assert isinstance(found, dict)
    return found


def test_findings_are_mended_on_the_same_branch_and_a_person_merges(fleet: Fleet) -> None:
    use = """printf '{"usage": [{"model": "opus-5", "output": 5}], "session": "s"}' > "$PADDOCK_RESULT"; """
    job = begin(fleet, "mended", use + "printf 'BUG one\\nfine\\nBUG two\\n' > a.txt", tools=[TOOL], fixers=[FIXER])
    before = fleet.api.get(f"/v1/changes/{job}")
    assert before["review"]["rounds"] == 3
    stands = review(fleet, job)
    assert (stands["stop"], [r["fixed"] for r in stands["history"]]) == ("clean", [1, 1]), stands["reviews"]
    assert {(one["rule"], one["state"]) for one in stands["findings"]} == {("one", "fixed"), ("two", "fixed")}
    change = fleet.api.get(f"/v1/changes/{job}")
    assert change["gate"]["reasons"] == ["no person has approved it"]
    # The branch of the change's own job, two commits further.
    assert change["files"] == [{"path": "a.txt", "added": 3, "removed": 0, "status": "A"}]
    fleet.approve(job)
    fleet.until(job, "done")
    raw, _ = fleet.api.raw(f"/v1/changes/{job}/diff")
    assert raw.count(b"+mended") == 2 and b"BUG" not in raw
    log = git(fleet.folder / "mended", "log", "--format=%(trailers:key=Paddock-Fix,valueonly,separator=)", "main")
    assert len(log.split()) == 2
    tree = fleet.folder / "tree"
    git(fleet.folder, "clone", "-q", str(fleet.folder / "mended"), str(tree))
    told = json.loads(fleet.cli("blame", f"{tree}/a.txt:1", "--json").stdout)
    assert (told["fix"], told["change"], told["approved_by"]) == (True, change["id"], ["ann"])
    assert told["known"]["agent"] in ("a1", "a2") and told["merge"] == git(tree, "rev-parse", "HEAD")
    assert set(told["provenance"]) == {"paddock-agent", "paddock-session", "paddock-review"}
    assert (told["models"], len(told["sessions"])) == (["opus-5"], 1) and told["signature"]["holds"] is True
    assert "(a fix)" in (shown := fleet.cli("blame", f"{tree}/a.txt:3").stdout) and ": it holds" in shown
    # Trailers that somebody else writes do not bear a signature that holds.
    message = git(tree, "log", "-1", "--format=%B").replace("opus-5", "human")
    git(tree, "commit", "-q", "--amend", "-m", message)
    assert "IT DOES NOT HOLD" in fleet.cli("blame", f"{tree}/a.txt:3").stdout
    git(tree, "reset", "-q", "--hard", "origin/main")
    assert json.loads(fleet.cli("blame", f"{tree}/a.txt:2", "--json").stdout)["job"] == job
    # What stood there before came by no merge, and nobody approved it.
    told = json.loads(fleet.cli("blame", f"{tree}/README.md:1", "--json").stdout)
    assert (told["job"], told["change"], told["merge"], told["approved_by"]) == (None, None, None, [])
    sized = json.loads(fleet.cli("size", str(tree), "--json").stdout)
    assert (sized["lines"], sized["slots"], sized["busy_seconds"] >= 0) == (5, 4, True)


def test_what_git_and_ruff_can_see_is_found_and_nobody_passes_by_silence(fleet: Fleet) -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    script = f"""
    printf 'import os  # noqa\\nKEY = "{key}"\\n' > a.py
    printf '[tool.ruff]\\nlint.ignore = ["ALL"]\\n' > pyproject.toml
    printf 'x\\n' > locked.cfg
    """
    rules = {"reviewers": ["secrets", "size", "paths", "ruff", "bandit"], "forbidden": ["*.cfg"], "most_lines": 3}
    rules["tools"] = [{"name": "absent", "argv": ["no-such-linter", "{findings}"]}]
    job = begin(fleet, "looked-at", script, **rules)
    stands = review(fleet, job)
    names = {one["name"]: one for one in stands["findings"]}
    assert {"secrets/aws-key", "size/lines", "paths/forbidden"} <= set(names)
    assert (names["secrets/aws-key"]["line"], names["secrets/aws-key"]["severity"]) == (2, "critical")
    assert key not in json.dumps(fleet.api.get(f"/v1/changes/{job}"))
    ran = {one["name"]: one["ran"] for one in stands["reviews"][-1]["reviewers"]}
    whys = {one["name"]: one.get("detail", "") for one in stands["reviews"][-1]["reviewers"]}
    assert not ran["absent"] and whys["absent"].startswith("no-such-linter is not in the box"), whys
    reasons = fleet.api.get(f"/v1/changes/{job}/gate")["reasons"]
    assert [f"the reviewer {name} did not run" in reasons for name, did in ran.items() if not did] == [
        True for did in ran.values() if not did
    ]
    if ran["ruff"]:
        assert names["ruff/F401"]["line"] == 1


def test_a_review_is_not_its_authors(fleet: Fleet) -> None:
    job = begin(fleet, "apart", "echo BUG here > a.txt", tools=[TOOL])
    stands = review(fleet, job)
    author = fleet.job(job)["attempts"][0]["agent"]
    assert stands["reviews"][0]["agent"] != author and not stands["reviews"][0]["own"]
    assert stands["stop"] == "fixers: none takes what is left"
    refused = fleet.cli("review", "approve", job, "--as", author)
    assert (refused.returncode, "cannot approve it" in refused.stderr) == (4, True)


def test_a_forecast_names_the_open_change_that_does_not_merge(fleet: Fleet) -> None:
    begin(fleet, "twins", "echo one > same.txt", reviewers=["conflicts"])
    second = fleet.run(["sh", "-c", "echo two > same.txt"], id="second", project="twins")
    fleet.until(second, "in_review")
    stands = review(fleet, second)
    [found] = stands["findings"]
    assert (found["name"], found["path"], found["severity"]) == ("conflicts/open-change", "same.txt", "low")
    assert "twins" in found["message"] and stands["stop"] == "clean"


def test_the_command_line_sets_rules_shows_and_judges_findings(fleet: Fleet) -> None:
    job = begin(fleet, "by-hand", "echo x > a.cfg")
    (fleet.folder / "rules.yaml").write_text("reviewers: [paths]\nforbidden: ['*.cfg']\nhumans: 2\n")
    shown = fleet.cli("review", "rules", "by-hand", "--file", "rules.yaml", "--as", "ann")
    assert shown.returncode == 0 and "*.cfg" in shown.stdout
    review(fleet, job)
    [found] = json.loads(fleet.cli("findings", "list", "--change", "by-hand", "--json").stdout)
    assert (found["name"], found["state"]) == ("paths/forbidden", "open")
    page = fleet.api.raw("/changes/by-hand")[0].decode()
    assert page.count("no change may touch *.cfg") == 2 and found["id"] in page
    shown = fleet.cli("findings", "show", found["id"])
    assert "a.cfg" in shown.stdout and "high" in shown.stdout
    told = fleet.cli("findings", "dismiss", found["id"], "--note", "it is meant", "--as", "ann")
    assert told.stdout.rstrip().endswith("is dismissed")
    assert "2 must" in fleet.cli("gate", "by-hand").stdout
    fleet.approve(job)
    assert json.loads(fleet.cli("gate", "by-hand", "--json").stdout)["reasons"] == ["1 more person must approve it"]
    wrong = fleet.cli("review", "rules", "by-hand", "--reviewer", "nobody")
    assert (wrong.returncode, "built in are" in wrong.stderr) == (2, True)


def test_a_project_that_has_spent_its_budget_waits_for_a_person(fleet: Fleet) -> None:
    begin(fleet, "costly", "echo x > a.txt")
    told = json.loads(fleet.cli("spend", "--project", "costly", "--json").stdout)
    [one] = told["projects"]
    assert (one["runs"], one["merged"], one["per_merge"]) == (1, 0, None) and one["seconds"] > 0
    assert fleet.cli("spend", "budget", "costly", "--since-merge", "0.001s").returncode == 2
    later = fleet.run(["sh", "-c", "sleep 1.2"], id="later", project="costly")
    fleet.until(later, "done")
    # It is looked at once.
    assert "pauses nothing" in fleet.cli("spend", "budget", "costly", "--since-merge", "1s", "--as", "ann").stdout
    waits = fleet.run(["true"], id="waits", project="costly")
    assert "its budget" in fleet.api.get(f"/v1/jobs/{waits}/why")["summary"]
    assert "used up" in fleet.cli("spend", "--project", "costly").stdout
    [budget] = [one for one in fleet.api.get("/spend.json")["spend"]["budgets"] if one["project"] == "costly"]
    assert budget["used_up"]
    assert "paddock project resume" in fleet.api.raw("/spend")[0].decode()
    fleet.cli("project", "resume", "costly", "--as", "ann")
    assert fleet.until(waits, "done")["state"] == "done"
    assert fleet.cli("spend", "budget", "costly", "--none").returncode == 0
