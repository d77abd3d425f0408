"""The wizard for a first agent, in a real browser: from the link to an agent that beats, and nobody else gets in."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from paddock.cli.api import Api
from support.wait import wait_until
from ui.conftest import Watch
from ui.fleet import House

PATIENCE = 60_000


@pytest.fixture
def wizard(fleet: House, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`paddock onboard` as a user starts it, and its link."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
    words = ["onboard", "--no-browser", "--home", str(tmp_path / "host"), "--server", fleet.url, "--name", "first"]
    running = subprocess.Popen(
        [sys.executable, "-m", "paddock.cli.main", *words, "--work", str(tmp_path / "work")],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    yield running, running.stdout.readline().strip()
    if running.poll() is None:
        running.terminate()
    running.wait(60)
    running.stdout.close()


def ask(link: str, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    """The status and the body of a request; `headers` with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(link).port or 0, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body.encode(), sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_from_the_link_to_an_agent_that_beats(
    fleet: House, browser: Browser, wizard: tuple["subprocess.Popen[str]", str]
) -> None:
    running, link = wizard
    home = link.partition("/begin/")[0]
    page = browser.new_page()
    watch = Watch(page, home)
    for path, headers in (("/", {}), ("/state", {}), (urlsplit(link).path, {"Host": "evil.test"})):
        assert ask(link, "GET", path, **headers)[0] == 403
    page.goto(link)
    assert page.url == f"{home}/"
    assert ask(link, "GET", urlsplit(link).path)[0] == 410
    expect(page.get_by_label("Name of the agent")).to_have_value("first")
    expect(page.get_by_label("Control plane")).to_have_value(fleet.url)
    page.get_by_label("Activation token").fill("act_nothing-that-was-minted")
    page.get_by_role("button", name="Activate and start").click()
    expect(page.get_by_role("alert")).to_contain_text("the activation token is not good")
    assert fleet.get("/v1/agents") == []
    assert [one for one in watch.complaints if "400" not in one] == []  # the browser says what the form says
    watch.complaints.clear()
    _no_foreign_page_acts(link, page)
    token = Api(fleet.url).post("/v1/tokens", {"label": "first"})["token"]
    page.get_by_label("Activation token").fill(token)
    page.get_by_role("button", name="Activate and start").click()
    expect(page.get_by_role("heading", name="The agent is live")).to_be_visible(timeout=PATIENCE)
    [agent] = fleet.get("/v1/agents")
    assert (agent["name"], agent["online"]) == ("first", True)
    expect(page.locator("dl")).to_contain_text(agent["id"])
    assert token not in page.content()
    assert watch.complaints == []
    page.close()
    wait_until(lambda: _gone(link), 30, what="the wizard ends")
    assert running.poll() is None  # it stays with its agent
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 130
    wait_until(lambda: fleet.get("/v1/agents")[0]["draining"], 30, what="the agent has left in order")


def _no_foreign_page_acts(link: str, page: Page) -> None:
    home = link.partition("/begin/")[0]
    [cookie] = page.context.cookies(home)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    known = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    form = json.dumps({"server": "http://evil.test", "name": "x", "token": "act_12345678"})
    good = {**known, "Origin": home, "Content_Type": "application/json"}
    for wrong in (
        {**good, "Origin": "http://evil.test"},
        {name: value for name, value in good.items() if name != "Origin"},
        {**good, "Content_Type": "text/plain"},
        {**good, "Host": "evil.test"},
        {**good, "Cookie": "paddock-wizard=guess"},
    ):
        assert ask(link, "POST", "/begin", form, **wrong)[0] == 403
    for bad in (
        "[]",
        "{",
        json.dumps({"server": "file:///etc", "name": "x", "token": "t"}),
        json.dumps({"server": "http://x", "name": "../x", "token": "t"}),
    ):
        assert ask(link, "POST", "/begin", bad, **good)[0] == 400
    assert ask(link, "POST", "/finish", "{}", **good)[0] == 404


def _gone(link: str) -> bool:
    try:
        ask(link, "GET", "/")
    except OSError:
        return True
    return False
