"""The page of anomalies: a person reads what was found, says what it was, and the agent works again."""

import pytest
from playwright.sync_api import Page, expect

from paddock.control import anomalies
from ui.fleet import House

pytestmark = pytest.mark.usefixtures("fleet")


def test_a_quarantine_is_resolved_where_it_is_read(fleet: House, page: Page) -> None:
    hand = fleet.join("build-host-3")
    fleet.do(anomalies.notice(fleet.control, "tampered_state", hand.agent, file="<b>standing.json</b>"))
    page.goto("/agents")
    page.get_by_role("link", name="quarantined").click()
    row = page.get_by_role("row").filter(has_text="build-host-3")
    expect(row).to_contain_text("tampered state")
    expect(row).to_contain_text("<b>standing.json</b>")
    expect(row).to_contain_text("quarantined")
    row.get_by_label("your name").fill("ann")
    row.get_by_label("what you found").fill("restored by hand")
    row.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    page.get_by_role("link", name="all", exact=True).click()
    expect(page.get_by_text("resolved by ann: restored by hand")).to_be_visible()
    assert fleet.get("/admin/anomalies.json")["held"] == []
    assert fleet.get("/v1/fleet")["anomalies"] == 0
