"""What a person does on the pages changes the state behind them."""

from playwright.sync_api import Page, expect

from paddock.control.reviews import set_rules
from paddock.wire.messages import Outcome
from ui.conftest import Watch
from ui.fleet import Hand, House

DIFF = """diff --git a/tally/money.py b/tally/money.py
--- a/tally/money.py
+++ b/tally/money.py
@@ -1,3 +1,4 @@
 def total(lines):
-    return sum(line.amount for line in lines)
+    cents = sum(line.cents for line in lines)
+    return cents / 100
"""


LENS = {"name": "lens", "argv": ["lens", "{findings}"]}


def open_change(fleet: House) -> tuple[Hand, str]:
    """A project without checks with one change that waits for a person."""
    fleet.project()
    hand = fleet.join("ada")
    fleet.submit({"id": "BUG-01"})
    (job,) = fleet.beat(hand, want=1)
    return hand, fleet.propose(hand, job, DIFF)


def test_a_change_is_found_read_approved_and_seen_to_merge(fleet: House, page: Page) -> None:
    hand, change = open_change(fleet)
    page.goto("/")
    needs = page.locator("[data-live=needs]")
    expect(needs).to_contain_text("no person has approved it")
    needs.get_by_role("link", name="BUG-01").click()
    expect(page.locator(".diff .add")).to_have_text(
        ["+    cents = sum(line.cents for line in lines)\n", "+    return cents / 100\n"]
    )
    expect(page.get_by_text("no person has approved it")).to_be_visible()
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("approved")
    expect(page.locator("[data-live=gate]")).to_contain_text("approved by Ada Lovelace")
    assert fleet.get(f"/v1/changes/{change}")["approved_by"] == ["Ada Lovelace"]
    page.reload()
    expect(page.get_by_label("Your name")).to_have_value("Ada Lovelace")
    expect(page.locator("[data-live=gate]")).to_contain_text("Number 1 in the merge queue")
    (merge,) = fleet.beat(hand, want=1)
    fleet.beat(hand, Outcome(job=merge.id, epoch=merge.epoch, status="done", result={"merged": "f" * 40}))
    expect(page.get_by_role("heading", level=1)).to_contain_text("merged")
    expect(page.locator("[data-live=head]")).to_contain_text("Merged as")


def test_a_rejected_change_is_closed_with_its_note(fleet: House, page: Page) -> None:
    _, change = open_change(fleet)
    page.goto(f"/changes/{change}")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Note").fill("wrong <b>rounding</b>")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("rejected")
    expect(page.get_by_text("wrong <b>rounding</b>").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert fleet.get(f"/v1/changes/{change}")["state"] == "rejected"


def test_a_change_is_asked_more_of_and_goes_on(fleet: House, page: Page) -> None:
    hand, change = open_change(fleet)
    fleet.do(set_rules(fleet.control, "ledger", {"rules": {"tools": [LENS], "resolver": {}}, "by": "ann"}))
    (look,) = fleet.beat(hand, want=1)
    found = {"reviewer": "lens", "rule": "rounding", "path": "tally/money.py", "line": 2, "severity": "high"}
    told = {"commit": fleet.get(f"/v1/changes/{change}")["head"], "reviewers": [{"name": "lens", "ran": True}]}
    result = {**told, "findings": [{**found, "message": "cents are lost"}]}
    fleet.beat(hand, Outcome(job=look.id, epoch=look.epoch, status="done", result=result))
    page.goto(f"/changes/{change}")
    # The finding stands right behind its line, and leads to its row.
    line = page.locator(".diff > span.add", has_text="cents = sum")
    expect(line.locator("xpath=following-sibling::*[1]")).to_have_text("high cents are lost lens/rounding")
    expect(line.locator(".k")).to_have_text(["for", "in"])
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Note").fill("round half up")
    page.get_by_role("button", name="Ask for changes").click()
    expect(page.locator("[data-live=gate]")).to_contain_text("what was asked for is being done")
    expect(page.locator("[data-live=gate]")).to_contain_text("Ada asked for changes")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Run checks again").click()
    expect(page.locator("[data-live=evidence]")).to_contain_text("review-BUG-01 ready")
    assert fleet.get("/v1/jobs/resolve-BUG-01")["payload"]["brief"].endswith("round half up")


def test_a_refusal_is_said_beside_the_button(fleet: House, page: Page, watch: Watch) -> None:
    _, change = open_change(fleet)
    page.goto(f"/changes/{change}")
    page.get_by_label("Your name").fill("   ")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".decide output")).to_contain_text("expected the name of the person who decides")
    assert fleet.get(f"/v1/changes/{change}")["state"] == "open"
    assert all("status of 400" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_jobs_are_cancelled_and_retried_from_their_page(fleet: House, page: Page) -> None:
    fleet.project()
    ids = fleet.submit({"id": "BUG-01"})
    page.goto(f"/jobs/{ids['BUG-01']}")
    page.get_by_role("button", name="Cancel").click()
    assert fleet.get("/v1/jobs/BUG-01")["state"] == "ready", "the watcher dismissed the question"
    page.evaluate("window.confirm = () => true")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ready")
    assert fleet.get("/v1/jobs/BUG-01")["state"] == "ready"


def test_an_agent_drains_and_comes_back(fleet: House, page: Page) -> None:
    fleet.join("ada")
    page.goto("/agents")
    page.get_by_role("button", name="Drain").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert fleet.get("/v1/agents")[0]["draining"] is True
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Drain")).to_be_visible()
    assert fleet.get("/v1/agents")[0]["draining"] is False
