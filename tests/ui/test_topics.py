"""The pages of topics: counts, groups and their lag, live as events come."""

import urllib.parse
from typing import Any

from playwright.sync_api import Page, expect

from paddock.control import topics
from ui.fleet import House
from ui.test_hostile import ALL, assert_tame
from ui.test_live import RELOADED, mark


def publish(fleet: House, topic: str, number: int, **more: object) -> None:
    event = {"specversion": "1.0", "id": f"e{number}", "source": "/ci", "type": "build.done", "data": number, **more}
    fleet.do(topics.publish(fleet.control, topic, [event]))


def take(fleet: House, topic: str, group: str, most: int) -> list[str]:
    store, now = fleet.control.store, fleet.control.clock.now()
    given = fleet.do(store.take(topic, group, "c", most, 60_000, 0, now))
    return [delivery.token for delivery in given]


def test_topics_and_the_lag_of_their_groups_are_live(fleet: House, page: Page) -> None:
    fleet.project("shop")
    page.goto("/topics")
    expect(page.get_by_text("No topic yet")).to_be_visible()
    mark(page)
    publish(fleet, "project:shop:builds", 1)
    row = page.get_by_role("row", name="project:shop:builds")
    expect(row).to_be_visible()
    publish(fleet, "project:shop:builds", 2)
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    done = take(fleet, "project:shop:builds", "mailers", 1)
    publish(fleet, "deploys", 1)
    expect(row.get_by_text("2 behind")).to_be_visible()
    fleet.do(fleet.control.store.settle("project:shop:builds", "mailers", done, True, fleet.control.clock.now()))
    publish(fleet, "deploys", 2)
    expect(row.get_by_text("1 behind")).to_be_visible()
    assert not page.evaluate(RELOADED)
    twin: dict[str, Any] = fleet.get("/topics.json?space=project")
    assert [(topic["name"], topic["events"], topic["groups"][0]["behind"]) for topic in twin["topics"]] == [
        ("project:shop:builds", 2, 1)
    ]
    page.get_by_role("link", name="of projects").click()
    expect(page.get_by_role("row", name="deploys")).to_have_count(0)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="project:shop:builds")).to_be_visible()
    mark(page)
    publish(fleet, "project:shop:builds", 3, data={"green": True})
    expect(page.get_by_text('{"green": true}')).to_be_visible()
    assert not page.evaluate(RELOADED)
    page.goto("/topics/paddock.jobs")
    expect(page.get_by_text("No event yet")).to_be_visible()
    fleet.submit({"id": "BUG-01"}, project="shop")
    expect(page.get_by_role("cell", name="paddock.job.ready")).to_be_visible()
    assert fleet.get("/topics/paddock.jobs.json")["events"][0]["type"] == "paddock.job.ready"


def test_events_of_strangers_stay_text(fleet: House, page: Page) -> None:
    publish(fleet, "t", 1, type=ALL, source=ALL, subject=ALL, data=ALL)
    fleet.do(fleet.control.store.take("t", "g", ALL, 1, 60_000, 0, fleet.control.clock.now()))
    for path in ("/topics", "/topics/t", "/topics?prefix=" + urllib.parse.quote(ALL)):
        answer = page.goto(path)
        assert answer is not None and answer.ok, path
        expect(page.locator("html")).to_have_class("scripted")
        assert_tame(page)
