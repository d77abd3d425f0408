"""The topic `paddock.jobs` over real HTTP: made from the journal, filtered, replayed from any position."""

import asyncio
import contextlib
import json
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest

from control.test_topic_calls import call
from control.test_topics import stream
from paddock.client import Client, Event
from paddock.control import job_news, topics
from paddock.control.plane import Control
from paddock.control.submit import add_project, submit
from paddock.core.errors import BadInput
from paddock.wire.topics import PAGE
from support.fleet import PATIENCE, Fleet
from support.light import Light, done
from support.signers import signer_of
from support.wait import wait_until

PATH = "/v1/topics/paddock.jobs"


@pytest.fixture
def project(plane: Fleet) -> str:
    name = f"p-{secrets.token_hex(4)}"
    plane.project(name, plane.repo.path)
    return name


def brief(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.data["name"], event.type.removeprefix("paddock.job.")) for event in events]


def test_people_and_programs_hear_of_jobs_that_become_ready_and_end(plane: Fleet, project: str) -> None:
    client = Client(plane.url)
    news = client.job_news(project=[project])
    start = news.last()
    heard: list[Event] = []

    def listen() -> None:
        for event in news.follow(start):
            heard.append(event)
            if event.type == "paddock.job.done" and event.data["name"] == "b":
                return

    listener = threading.Thread(target=listen)
    listener.start()
    ids = plane.submit(
        {"id": "a", "kind": "noop"}, {"id": "b", "kind": "noop", "depends_on": ["a"]}, project=project, name="two"
    )
    agent = Light(plane.api, plane.port, project)

    def work() -> bool:
        for grant in agent.beat(want=1)[0]:
            agent.beat(done(grant))
        return bool(plane.job(ids["b"])["state"] == "done")

    wait_until(work, PATIENCE, what="both are done")
    listener.join(30)
    assert brief(heard) == [
        ("a", "ready"),
        ("b", "blocked"),
        ("a", "leased"),
        ("a", "done"),
        ("b", "ready"),
        ("b", "leased"),
        ("b", "done"),
    ]
    assert [event.subject for event in heard] == [ids[name] for name in "abaabbb"]
    assert brief(client.job_news(project=[project], state=["ready"]).read()) == [("a", "ready"), ("b", "ready")]
    assert news.read(heard[3].position) == heard[4:]
    one = plane.api.get(f"{PATH}/{heard[2].position}")
    assert (one["type"], one["data"]["agent"], one["data"]["epoch"]) == ("paddock.job.leased", agent.agent, 1)


def test_an_agent_hears_of_what_it_could_take(plane: Fleet, project: str) -> None:
    client = Client(plane.url)
    jobs: list[dict[str, Any]] = [
        {"id": "plain", "kind": "noop"},
        {"id": "gpu", "kind": "noop", "requires": ["gpu"]},
        {"id": "both", "kind": "noop", "requires": ["gpu", "arm"]},
        {"id": "other", "payload": {"argv": ["true"]}},
    ]
    plane.submit(*jobs, project=project)

    def names(**query: Any) -> list[str]:
        return [event.data["name"] for event in client.job_news(project=[project], **query).read()]

    assert names(kind=["noop"]) == ["plain", "gpu", "both"]
    assert names(capability=["gpu"]) == ["plain", "gpu", "other"]
    assert names(capability=[]) == ["plain", "other"]
    assert names(capability=["gpu", "arm"], kind=["noop", "command"]) == ["plain", "gpu", "both", "other"]
    assert names(state=["done"]) == []


def test_a_stream_goes_on_where_it_was_within_a_batch(plane: Fleet, project: str) -> None:
    query = f"{PATH}?project={project}&state=ready"
    plane.submit(*({"id": f"j{number}", "kind": "noop"} for number in range(5)), project=project)
    with stream(plane, query) as events:
        first = [next(events) for _ in range(2)]
    assert [json.loads(json.dumps(event))["data"]["name"] for _, event in first] == ["j0", "j1"]
    with stream(plane, query, **{"last-event-id": str(first[-1][0])}) as events:
        assert [next(events)[1]["data"]["name"] for _ in range(3)] == ["j2", "j3", "j4"]
        plane.submit({"id": "j5", "kind": "noop"}, project=project)
        assert next(events)[1]["data"]["name"] == "j5"


def test_a_job_hears_of_its_own_project(plane: Fleet, project: str) -> None:
    plane.submit({"id": "mine", "kind": "noop"}, project=project)
    agent = Light(plane.api, plane.port, project)
    wait_until(lambda: agent.beat(want=1)[0], PATIENCE, what="it holds a job")
    [job] = agent.held
    mine = plane.job(job)["project"]
    told, events = call(agent, op="read", space="paddock", topic="jobs", limit=500)
    assert events and {event["data"]["project"] for event in events} == {mine}
    assert call(agent, op="read", space="paddock", topic="jobs", after=-1)[0].after >= told.after
    assert call(agent, [], op="publish", space="paddock", topic="jobs")[0].code == "refused"
    assert call(agent, op="read", space="paddock", topic="agents")[0].code == "not_found"


def test_what_cannot_be_asked_is_named(plane: Fleet) -> None:
    with pytest.raises(BadInput, match="jobs have no state"):
        plane.api.get(PATH, state="odd")
    with pytest.raises(BadInput, match="is filtered"):
        plane.api.get("/v1/topics/deploys", kind="noop")
    with pytest.raises(BadInput, match="followed, not shared"):
        plane.api.post(f"{PATH}/groups/g/take", {"consumer": "c"})


async def test_all_who_follow_hear_the_same_whatever_they_share(tmp_path: Path) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        await add_project(control, {"name": "p", "repo": "/p", "branch": "main", "checks": []})
        start = await job_news.last(control)

        async def hear(late: int) -> list[str]:
            heard: list[str] = []
            for _ in range(late):
                await asyncio.sleep(0)
            source = job_news.source(control, job_news.Wanted(), PAGE)
            async with contextlib.aclosing(topics.follow(control, source, start)) as pages:
                async for page in pages:
                    heard += [json.loads(event.event)["data"]["name"] for event in page.events]
                    if len(heard) == 60:
                        break
            return heard

        everyone = [asyncio.create_task(hear(number)) for number in range(40)]
        for batch in range(20):
            jobs = [{"id": f"j{batch}-{number}", "kind": "noop"} for number in range(3)]
            await submit(control, {"project": "p", "jobs": jobs})
        async with asyncio.timeout(PATIENCE):
            told = await asyncio.gather(*everyone)
        assert told == [[f"j{batch}-{number}" for batch in range(20) for number in range(3)]] * 40
        assert control.meter.following == 0 and len(control.job_pages) <= 8
    finally:
        await control.close()
