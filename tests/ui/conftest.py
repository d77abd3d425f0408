"""A real browser on pages of a real control plane. What a page must never do fails the test that opened it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from ui.fleet import House, house

CHROMIUM = Path("/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
# Milliseconds that a page may take on a machine that does much else.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[House]:
    """An empty control plane that serves."""
    with house(tmp_path / "home") as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing; type: sudo apt-get install -y chromium", pytrace=False)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield running
        running.close()


class Watch:
    """What a page did that it must not do."""

    def __init__(self, page: Page, home: str) -> None:
        self._home = home
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("dialog", lambda dialog: dialog.dismiss())

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._home, "data:")):
            self.complaints.append(f"outside: {request.url}")


@pytest.fixture
def watch(page: Page, fleet: House) -> Watch:
    """The page's watcher; a test that expects complaints clears them."""
    return Watch(page, fleet.url)


@pytest.fixture
def page(browser: Browser, fleet: House) -> Iterator[Page]:
    """A tab of its own whose addresses start at the control plane."""
    context = browser.new_context(base_url=fleet.url)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def well_behaved(watch: Watch) -> Iterator[None]:
    """Holds every test to a silent console and to this server alone."""
    yield
    assert watch.complaints == []
