"""People on the pages: the link, the login, what a role may and may not, the password again."""

from playwright.sync_api import Page, expect

from paddock.control.people import offer_setup
from support.guests import PASSWORD, Guest, let_in, person
from ui.conftest import Watch
from ui.fleet import House
from ui.test_deciding import open_change


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_set_up_log_in_approve_and_refusal(fleet: House, page: Page, watch: Watch) -> None:
    let_in(fleet)
    _, change = open_change(fleet)
    link = fleet.do(offer_setup(fleet.control))
    page.goto(f"/setup#{link}")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url("**/login")
    boss = Guest(fleet)
    assert boss.log_in("ann").status == 200
    person(boss, "bob", "operator")
    person(boss, "vic", "viewer")

    page.goto(f"/changes/{change}")
    page.wait_for_url(f"**/login?next=%2Fchanges%2F{change}")
    log_in(page, "vic")
    page.wait_for_url(f"**/changes/{change}")
    expect(page.get_by_text("as vic")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".decide output")).to_contain_text("vic (viewer) lacks the permission review")
    assert page.goto("/people") is not None
    expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")

    page.goto(f"/changes/{change}")
    log_in(page, "bob")
    page.wait_for_url(f"**/changes/{change}")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("[data-live=gate]")).to_contain_text("approved by bob")
    assert all("status of 403" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_people_are_managed_and_a_password_is_asked_again(fleet: House, page: Page, watch: Watch) -> None:
    let_in(fleet)
    link = fleet.do(offer_setup(fleet.control))
    Guest(fleet).post("/v1/set-up", {"link": link, "name": "ann", "password": PASSWORD})
    page.goto("/people")
    log_in(page, "ann")
    page.wait_for_url("**/people")
    clock = fleet.control.clock
    before = clock.now
    clock.now = lambda: before() + 6 * 60_000  # type: ignore[method-assign]
    page.get_by_label("Name").fill("eve")
    page.get_by_role("button", name="Add").click()
    again = page.get_by_role("dialog")
    expect(again).to_be_visible()
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Go on").click()
    expect(page.locator("form[data-show=link] output").first).to_contain_text("/setup#")
    expect(page.get_by_role("row").filter(has_text="eve")).to_contain_text("invited")
    page.get_by_label("Role of eve").select_option("operator")
    page.get_by_role("row").filter(has_text="eve").get_by_role("button", name="Give").click()
    expect(page.get_by_label("Role of eve")).to_have_value("operator")
    page.get_by_role("link", name="ann").click()
    page.get_by_label("Label").fill("ci")
    page.get_by_role("button", name="Mint a token").click()
    expect(page.locator("form[data-show=token] output")).to_contain_text("pdt_")
    expect(page.locator("[data-live=tokens]")).to_contain_text("ci")
    roles = {one["name"]: one["role"] for one in fleet.do(_people(fleet))}
    assert roles == {"ann": "owner", "eve": "operator"}
    assert all("status of 403" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


async def _people(fleet: House) -> list[dict[str, str]]:
    return [{"name": one.name, "role": one.role} for one in await fleet.control.store.people()]


def test_where_nobody_logs_in_the_pages_say_so(fleet: House, page: Page) -> None:
    for path in ("/login", "/setup", "/me", "/people"):
        page.goto(fleet.url + path)
        expect(page.locator("main")).to_contain_text("Nobody")
