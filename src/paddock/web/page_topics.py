"""What the pages of topics show; their `.json` twins give out the same."""

import json
from typing import Any

import msgspec
from starlette.requests import Request

from paddock.control import job_news, topics
from paddock.control.plane import Control
from paddock.store.job_news import STEP
from paddock.store.topics import Group, Topic

Data = dict[str, Any]

# Topics that one page holds, groups of all of them together, and events of one.
ROWS = 100
GROUPS = 400
EVENTS = 40
# Rows of the journal in which the latest news of jobs are looked for.
_BACK = 200
# Characters of an event's data that are part of the page; the link gives the rest.
_DATA = 400
SPACES = ("project", "job", "agent")


async def listing(control: Control, request: Request) -> Data:
    """Topics by name, each with its groups and how far they have come."""
    query = request.query_params
    space, after = query.get("space") or None, query.get("after", "")
    prefix = f"{space}:" if space in SPACES else query.get("prefix", "")
    found = await control.store.topics(after, prefix, ROWS + 1)
    shown = found[:ROWS]
    groups = await control.store.groups_among(shown[0].name, shown[-1].name, GROUPS) if shown else []
    return {
        "filter": {"space": space, "prefix": prefix, "after": after},
        "spaces": list(SPACES),
        "topics": [_topic(topic, groups) for topic in shown],
        "more": shown[-1].name if len(found) > ROWS else None,
        "news": "/v1/topics",
    }


def _topic(topic: Topic, groups: list[Group]) -> Data:
    space, _, owner = topic.owner.partition(":")
    mine = [msgspec.to_builtins(group) for group in groups if group.topic == topic.name]
    return {**topics.topic_view(topic), "space": space or None, "of": owner or None, "groups": mine}


async def one(control: Control, request: Request) -> Data:
    """A topic's groups and its latest events, the newest first."""
    name = await topics.name_of(control, request.path_params["ref"], writing=False)
    if name == job_news.TOPIC:
        last = await job_news.last(control)
        source = job_news.source(control, job_news.Wanted(), _BACK)
        page = await source.read(max(0, last - _BACK * STEP))
        topic: Data = {"name": name, "last": page.events[-1].position if page.events else 0, "groups": []}
        found = page.events[-EVENTS:]
    else:
        there = await control.store.topic(name)
        topic = _topic(there, await control.store.groups(name))
        found = await control.store.events(name, max(0, there.last - EVENTS), EVENTS)
    events = [{**_event(topics.event_of(event)), "position": event.position, "at": event.at} for event in found]
    return {"topic": topic, "events": events[::-1], "news": f"/v1/topics/{name}?after=latest"}


def _event(event: Data) -> Data:
    if "data_base64" in event:
        told = f"{len(event['data_base64']) * 3 // 4:,} bytes of {event.get('datacontenttype', 'anything')}"
    else:
        told = json.dumps(event["data"], ensure_ascii=False) if "data" in event else ""
    known = {name: event.get(name) for name in ("id", "source", "type", "subject")}
    return {**known, "data": told[:_DATA], "cut": max(len(told) - _DATA, 0)}
