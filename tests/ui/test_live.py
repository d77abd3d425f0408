"""Pages keep themselves fresh, and only when nobody minds."""

from playwright.sync_api import Page, expect

from paddock.web.pages import PAGES
from ui.conftest import Watch
from ui.fleet import House
from ui.test_deciding import open_change

RELOADED = "window.same === undefined"


def mark(page: Page) -> None:
    """Leaves a mark that a reload would wipe."""
    page.evaluate("window.same = true")


def test_a_new_job_appears_without_a_reload(fleet: House, page: Page) -> None:
    fleet.project()
    page.goto("/jobs")
    expect(page.get_by_text("No job yet")).to_be_visible()
    mark(page)
    fleet.submit({"id": "BUG-01"})
    expect(page.get_by_role("link", name="BUG-01")).to_be_visible()
    assert not page.evaluate(RELOADED)


def test_the_four_numbers_follow_the_fleet(fleet: House, page: Page) -> None:
    fleet.project()
    page.goto("/")
    expect(page.get_by_text("0 of 0")).to_be_visible()
    hand = fleet.join("ada", version="0.0.1")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    fleet.submit({"id": "BUG-01", "kind": "noop", "payload": {}})
    (job,) = fleet.beat(hand, want=1)
    expect(page.locator("[data-live=running]").get_by_text("BUG-01")).to_be_visible()
    fleet.beat(hand, fleet.outcome(job))
    card = page.locator(".card", has_text="Jobs completed")
    expect(card.locator("strong")).to_have_text("1/h")
    page.locator(".card", has_text="Version skew").click()
    expect(page.get_by_role("cell", name="ada")).to_be_visible()
    assert page.url.endswith("/agents?state=skewed")


def test_paused_pages_stand_still(fleet: House, page: Page) -> None:
    fleet.project()
    page.goto("/jobs")
    page.get_by_role("button", name="Live").click()
    asked: list[str] = []
    # What the page's script asks for; the browser fetches icons and the like when it pleases.
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    fleet.submit({"id": "BUG-01"})
    # Another page of the same browser learns of it, so the news have gone out.
    other = page.context.new_page()
    other.goto("/jobs")
    expect(other.get_by_role("link", name="BUG-01")).to_be_visible()
    fleet.submit({"id": "BUG-02"})
    expect(other.get_by_role("link", name="BUG-02")).to_be_visible()
    expect(page.get_by_text("No job yet")).to_be_visible()
    assert asked == []
    page.get_by_role("button", name="Paused").click()
    expect(page.get_by_role("link", name="BUG-02")).to_be_visible()


def test_a_region_in_use_is_left_alone(fleet: House, page: Page) -> None:
    fleet.project()
    fleet.submit({"id": "BUG-01"})
    page.goto("/jobs")
    page.get_by_role("link", name="BUG-01").focus()
    fleet.submit({"id": "BUG-02"})
    counts = page.locator("[data-live=counts]")
    expect(counts.get_by_role("link", name="all 2")).to_be_visible()
    expect(page.get_by_role("link", name="BUG-02")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    fleet.submit({"id": "BUG-03"})
    expect(page.get_by_role("link", name="BUG-02")).to_be_visible()


def test_a_region_with_selected_text_is_left_alone(fleet: House, page: Page) -> None:
    fleet.project()
    fleet.submit({"id": "BUG-01"})
    page.goto("/jobs")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-live=jobs] td'))")
    fleet.submit({"id": "BUG-02"})
    expect(page.locator("[data-live=counts]").get_by_role("link", name="all 2")).to_be_visible()
    expect(page.get_by_role("link", name="BUG-02")).to_have_count(0)
    page.evaluate("getSelection().removeAllRanges()")
    fleet.submit({"id": "BUG-03"})
    expect(page.get_by_role("link", name="BUG-02")).to_be_visible()


def test_a_hidden_tab_asks_for_nothing(fleet: House, page: Page) -> None:
    fleet.project()
    page.goto("/jobs")
    show = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    show += "document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(show, True)
    asked: list[str] = []
    # What the page's script asks for; the browser fetches icons and the like when it pleases.
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    other = page.context.new_page()
    other.goto("/jobs")
    fleet.submit({"id": "BUG-01"})
    expect(other.get_by_role("link", name="BUG-01")).to_be_visible()
    assert asked == []
    page.evaluate(show, False)
    expect(page.get_by_role("link", name="BUG-01")).to_be_visible()


def test_what_a_reader_unfolded_stays_open(fleet: House, page: Page) -> None:
    _, change = open_change(fleet)
    page.goto("/jobs/BUG-01")
    fold = page.locator("#file-1")
    fold.locator("summary").click()
    expect(fold).not_to_have_attribute("open", "")
    page.evaluate("document.activeElement.blur()")
    fleet.do(fleet.control.store.decide(change, "Ada", "approve", "", fleet.control.clock.now()))
    fleet.do(stir(fleet))
    expect(page.locator("[data-live=change]")).to_contain_text("approved")
    expect(fold).not_to_have_attribute("open", "")


async def stir(fleet: House) -> None:
    fleet.control.stir()


def test_a_lost_control_plane_is_said_and_found_again(fleet: House, page: Page, watch: Watch) -> None:
    fleet.project()
    page.goto("/jobs")
    expect(page.locator("#offline")).to_be_hidden()
    fleet.stop()
    expect(page.locator("#offline")).to_be_visible()
    fleet.start()
    fleet.submit({"id": "BUG-01"})
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.get_by_role("link", name="BUG-01")).to_be_visible()
    assert all("ERR_" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_a_running_log_grows_in_place(fleet: House, page: Page) -> None:
    fleet.project()
    hand = fleet.join("ada")
    ids = fleet.submit({"id": "BUG-01"})
    page.goto(f"/jobs/{ids['BUG-01']}")
    expect(page.get_by_text("No attempt has printed anything")).to_be_visible()
    (job,) = fleet.beat(hand, want=1)
    log = page.locator("pre.log")
    fleet.log(job, b"one\n")
    expect(log).to_contain_text("one")
    # A sequence and a character, each torn between two chunks.
    fleet.log(job, b"\x1b[3")
    fleet.log(job, b"2mtwo\x1b[0m caf\xc3")
    fleet.log(job, b"\xa9\n")
    expect(log).to_have_text("one\ntwo café\n", use_inner_text=True)
    fleet.beat(hand, fleet.outcome(job, "failed", code="exit", exit_code=1))
    expect(page.get_by_role("heading", level=1)).to_contain_text("ready")


def test_without_javascript_pages_still_tell(fleet: House, page: Page) -> None:
    fleet.project()
    fleet.submit({"id": "BUG-01"})
    plain = page.context.browser
    assert plain is not None
    context = plain.new_context(base_url=fleet.url, java_script_enabled=False)
    tab = context.new_page()
    tab.goto("/jobs")
    expect(tab.get_by_role("link", name="BUG-01")).to_be_visible()
    expect(tab.get_by_role("button", name="Live")).to_have_count(0)
    context.close()


def test_one_answer_from_the_log_in_page_reloads_nothing(fleet: House, page: Page) -> None:
    """As when a proof of who one is changes the cookie meanwhile: what the page shows once would be lost."""
    fleet.project()
    page.goto("/jobs")
    mark(page)
    page.evaluate("""() => {
        const real = fetch;
        window.fetch = async (...what) => {
            const answer = await real(...what);
            window.fetch = real;
            return Object.defineProperty(answer, "redirected", {value: true});
        };
    }""")
    fleet.submit({"id": "BUG-01"})
    expect(page.get_by_role("link", name="BUG-01")).to_be_visible()
    assert not page.evaluate(RELOADED)


def test_no_page_is_wider_than_a_phone(fleet: House, page: Page) -> None:
    fleet.project()
    page.set_viewport_size({"width": 360, "height": 740})
    for path in [one.path for one in PAGES if "{" not in one.path]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
