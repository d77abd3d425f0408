"""Topics for attempts: signed calls of their agents, taken or refused by the transaction that looks at the lease.

An attempt reaches the topics of its own project, its own job and its own agent, and no others. What it says carries
its job as the source, so that nobody can speak, or be taken as known already, in another's name.
"""

from typing import Any

import msgspec

from paddock.control import job_news, topics
from paddock.control.plane import Control
from paddock.control.state import note_refusal
from paddock.core.cloudevents import check_topic
from paddock.core.errors import BadInput, NotFound, PaddockError, Refused, Stale
from paddock.store.stating import Lease, Place
from paddock.wire.logs import split
from paddock.wire.messages import Decoder
from paddock.wire.topics import TopicAnswer, TopicCall, join

_calls = Decoder(TopicCall)
# The space of what Paddock itself tells.
_OURS = "paddock"


async def answer(control: Control, agent: str, body: bytes) -> bytes:
    """Answers an agent's call, whose signature was found to hold. Raises: Malformed."""
    head, data = split(body)
    call = _calls.decode(head)
    lease = Lease(job=call.job, epoch=call.epoch, session=call.session, agent=agent)
    try:
        told, events = await _do(control, Place(space=call.space, lease=lease), call, data)
    except Stale as error:
        if call.op == "publish":
            facts = {"epoch": call.epoch, "space": call.space, "topic": call.topic}
            await note_refusal(control, lease, "topic.refused", facts)
        return join(_refusal(error), b"")
    except PaddockError as error:
        return join(_refusal(error), b"")
    return join(told, msgspec.json.encode(events))


async def _do(control: Control, place: Place, call: TopicCall, data: bytes) -> tuple[TopicAnswer, list[Any]]:
    if call.space == _OURS:
        if call.op != "read":
            raise Refused("topics of Paddock's own are read and nothing else")
        place = Place(space="project", lease=place.lease)
    if call.op == "list":
        return TopicAnswer(), [topics.topic_view(topic) for topic in await control.store.topics_at(place)]
    if call.op == "publish":
        check_topic(call.topic, writing=True)
        taken = await topics.publish(control, call.topic, _events(call.job, data), place)
        return TopicAnswer(topic=taken.topic, positions=taken.positions), []
    source = _source(control, place, call)
    after = await _last(control, place, call) if call.after < 0 else call.after
    if call.wait:
        source = source._replace(news=await _news(control, place, call))
    found = await topics.wait(control, source, after, call.wait)
    return TopicAnswer(after=found.upto), [topics.event_of(event) for event in found.events]


def _source(control: Control, place: Place, call: TopicCall) -> topics.Source:
    if call.space == _OURS:
        if f"{_OURS}.{call.topic}" != job_news.TOPIC:
            raise NotFound(f"Paddock has no topic {call.topic[:60]!r} for jobs", hint="there is `jobs`")
        return job_news.source(control, job_news.Wanted(), call.limit, place)
    check_topic(call.topic, writing=False)

    async def read(after: int) -> topics.Page:
        return topics.page(await control.store.events(call.topic, after, call.limit, place), after)

    return topics.Source("", read)


async def _last(control: Control, place: Place, call: TopicCall) -> int:
    if call.space == _OURS:
        return await job_news.last(control)
    ends = {topic.name.rpartition(":")[2]: topic.last for topic in await control.store.topics_at(place)}
    return ends.get(call.topic, 0)


def _events(job: str, data: bytes) -> list[Any]:
    """The events of a call. Raises: BadInput when one of them has another's source."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("the body is no JSON") from None
    events = raw if isinstance(raw, list) else [raw]
    mine = f"/jobs/{job}"
    for event in events:
        source = event.get("source") if isinstance(event, dict) else None
        if isinstance(source, str) and source != mine and not source.startswith(f"{mine}/"):
            raise BadInput(f"source: a job's events come from {mine}", hint="leave the source out", where="source")
    return events


async def _news(control: Control, place: Place, call: TopicCall) -> str:
    """What the bus calls news of the topic; whether it may be read is asked of the store."""
    assert place.lease is not None
    if call.space == _OURS:
        return ""
    owner = {"job": call.job, "agent": place.lease.agent}.get(call.space)
    return f"{topics.NEWS}{call.space}:{owner or (await control.store.job(call.job)).project}:{call.topic}"


def _refusal(error: PaddockError) -> TopicAnswer:
    return TopicAnswer(
        status=error.status, code=error.code, message=error.message[:4_000], hint=error.hint, retryable=error.retryable
    )
