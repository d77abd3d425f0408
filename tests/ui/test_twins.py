"""Each page has a twin that says the same in JSON, and stays small."""

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from paddock.web import render
from ui.fleet import House
from ui.test_deciding import open_change

pytestmark = pytest.mark.usefixtures("fleet")


def html(fleet: House, path: str) -> bytes:
    with urllib.request.urlopen(fleet.url + path) as answer:
        assert answer.headers["Content-Security-Policy"] == render.CSP
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        body: bytes = answer.read()
        return body


def test_twins_say_what_the_api_says(fleet: House) -> None:
    _, change = open_change(fleet)
    told = fleet.get("/fleet.json")["fleet"]
    assert {**told, "now": 0} == {**fleet.get("/v1/fleet"), "now": 0}
    assert fleet.get("/jobs.json")["jobs"] == fleet.get("/v1/jobs")
    assert fleet.get("/jobs.json?state=done")["jobs"] == fleet.get("/v1/jobs?state=done") == []
    assert fleet.get("/jobs/BUG-01.json")["job"] == fleet.get("/v1/jobs/BUG-01")
    assert fleet.get("/jobs/BUG-01.json")["why"] == fleet.get("/v1/jobs/BUG-01/why")
    assert fleet.get("/agents.json")["agents"] == fleet.get("/v1/agents")
    assert fleet.get("/changes.json")["changes"] == fleet.get("/v1/changes")
    assert fleet.get(f"/changes/{change}.json")["change"] == fleet.get(f"/v1/changes/{change}")


def test_every_page_leads_to_its_twin(fleet: House, page: Page) -> None:
    _, change = open_change(fleet)
    pages = ("/", "/jobs?state=in_review", "/jobs/BUG-01", "/agents", "/changes", f"/changes/{change}", "/topics")
    for path in pages:
        page.goto(path)
        twin = page.get_by_role("link", name="This page as JSON").get_attribute("href")
        assert twin is not None
        assert fleet.get(twin)


def test_unknown_things_are_said_in_the_callers_language(fleet: House) -> None:
    for path, kind in (("/jobs/none", "text/html"), ("/jobs/none.json", "application/json"), ("/no", "text/html")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            fleet.get(path)
        with caught.value as error:
            assert error.code == 404
            assert kind in error.headers["content-type"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        fleet.get("/v1/no")
    with caught.value as error:
        assert "application/json" in error.headers["content-type"]


def test_five_hundred_jobs_fit_in_a_hundred_kilobytes(fleet: House, page: Page) -> None:
    fleet.project()
    fleet.submit(*({"id": f"a-rather-long-name-for-a-job-{n:03}", "requires": ["gpu"]} for n in range(500)))
    assert len(html(fleet, "/jobs")) < 100_000
    page.goto("/jobs")
    expect(page.get_by_text("350 more jobs are not shown")).to_be_visible()
    assert len(html(fleet, "/")) < 100_000


def test_a_large_fleet_fits_too(fleet: House, page: Page) -> None:
    for n in range(90):
        fleet.join(f"a-rather-long-name-for-an-agent-{n:03}", capabilities=tuple(f"capability:{m}" for m in range(20)))
    assert len(html(fleet, "/agents")) < 100_000
    page.goto("/agents")
    expect(page.get_by_text("10 more agents are not shown")).to_be_visible()


def test_a_large_diff_is_cut_and_folded(fleet: House, page: Page) -> None:
    fleet.project()
    hand = fleet.join("ada")
    fleet.submit({"id": "BUG-01"})
    (job,) = fleet.beat(hand, want=1)
    lines = "".join(f"+line {n} " + "x" * 60 + "\n" for n in range(2_000))
    head = "diff --git a/big.txt b/big.txt\nnew file mode 100644\n--- /dev/null\n+++ b/big.txt\n@@ -0,0 +1,2000 @@\n"
    change = fleet.propose(hand, job, head + lines, paths=("big.txt",))
    assert len(html(fleet, f"/changes/{change}")) < 100_000
    page.goto(f"/changes/{change}")
    expect(page.get_by_text("The diff goes on")).to_be_visible()
    expect(page.locator(".diff .add").first).to_be_hidden()
    page.get_by_text("big.txt").first.click()
    expect(page.locator(".diff .add").first).to_be_visible()
