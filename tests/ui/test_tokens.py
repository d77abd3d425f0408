"""The page of activation tokens: minted once before everybody's eyes, then known by its digest alone."""

import hashlib

import pytest
from playwright.sync_api import Page, expect

from ui.conftest import Watch
from ui.fleet import House

pytestmark = pytest.mark.usefixtures("fleet")


def test_a_token_is_minted_shown_once_and_revoked(fleet: House, page: Page) -> None:
    page.goto("/portal/tokens")
    page.get_by_label("Label").fill("build-host-3")
    page.get_by_label("Channel").select_option("beta")
    page.get_by_role("button", name="Mint a token").click()
    shown = page.locator("form[data-show] output")
    expect(shown).to_contain_text("act_")
    token = shown.inner_text()
    row = page.get_by_role("row").filter(has_text="build-host-3")
    expect(row).to_contain_text("ready")
    expect(row).to_contain_text(hashlib.sha256(token.encode()).hexdigest()[:12])
    assert token not in str(fleet.get("/portal/tokens.json"))
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")


def test_terms_that_cannot_be_are_said_beside_the_form(fleet: House, page: Page, watch: Watch) -> None:
    page.goto("/portal/tokens")
    page.get_by_label("Only from").fill("everywhere")
    page.get_by_role("button", name="Mint a token").click()
    expect(page.locator("form[data-show] output")).to_contain_text("is no range of addresses")
    assert fleet.get("/v1/tokens") == []
    watch.complaints.clear()  # the browser says on its console what the form says
