"""The topic `paddock.jobs`: what becomes of jobs, as events that are made from the journal when somebody asks."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from paddock.control.plane import Control
from paddock.control.topics import Page, Source
from paddock.core.states import JobState
from paddock.store.job_news import STEP, JobMoved, Moves
from paddock.store.stating import Place
from paddock.store.topics import Published
from paddock.wire.topics import PAGE

TOPIC = "paddock.jobs"
# What a bus calls the news that the journal has grown.
_NEWS = ""
# Pages that are kept for those who follow.
_PAGES = 8


class Told(NamedTuple):
    """What happened to jobs, each with its event, and the position up to which that is all."""

    moves: list[tuple[JobMoved, Published]]
    upto: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which jobs and states are meant; empty means all. A job fits `capabilities` if it needs nothing beyond them."""

    projects: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    capabilities: frozenset[str] | None = None

    def fits(self, moved: JobMoved) -> bool:
        """Whether this is meant."""
        return (
            (not self.states or moved.state in self.states)
            and (not self.projects or moved.project in self.projects)
            and (not self.kinds or moved.kind in self.kinds)
            and (self.capabilities is None or self.capabilities.issuperset(moved.requires))
        )


def source(control: Control, wanted: Wanted, most: int, place: Place | None = None) -> Source:
    """What becomes of the jobs that are meant; for an attempt's place those of its project."""

    async def read(after: int) -> Page:
        if place is None and most == PAGE:
            told = await _shared(control, after)
        else:
            told = _told(await control.store.job_moves(after, most, place))
        return Page([event for moved, event in told.moves if wanted.fits(moved)], told.upto)

    return Source(_NEWS, read)


async def _shared(control: Control, after: int) -> Told:
    """What happened behind a position, read once for all who follow: they stand at the same places.

    What is behind a position is never taken back, so that a page may be kept; only that there is nothing yet may not.
    """
    known = control.job_pages.get(after)
    if known is not None:
        told: Told = await asyncio.shield(known)
        if told.upto > after:
            return told
        # It was read before we were told that there is news.
        return _told(await control.store.job_moves(after, PAGE))
    reading = control.job_pages[after] = asyncio.ensure_future(_read(control, after))
    if len(control.job_pages) > _PAGES:
        del control.job_pages[next(iter(control.job_pages))]
    return await asyncio.shield(reading)


async def _read(control: Control, after: int) -> Told:
    told = Told([], after)
    try:
        told = _told(await control.store.job_moves(after, PAGE))
    finally:
        if told.upto == after:
            control.job_pages.pop(after, None)
    return told


def _told(moves: Moves) -> Told:
    return Told([(moved, _published(moved)) for moved in moves.found], moves.upto)


async def last(control: Control) -> int:
    """The position behind everything that has happened."""
    return await control.store.last_seq() * STEP + STEP - 1


def _published(moved: JobMoved) -> Published:
    event = {
        "specversion": "1.0",
        "id": str(moved.position),
        "source": "/paddock",
        "type": f"paddock.job.{moved.state}",
        "subject": moved.job,
        "time": f"{datetime.fromtimestamp(moved.at / 1_000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "data": _data(moved),
    }
    return Published(position=moved.position, at=moved.at, event=msgspec.json.encode(event).decode())


def _data(moved: JobMoved) -> Mapping[str, Any]:
    said = {name: moved.data[name] for name in ("epoch", "code", "reason", "not_before") if moved.data.get(name)}
    return {
        "job": moved.job,
        "name": moved.name,
        "state": moved.state,
        "project": moved.project,
        "kind": moved.kind,
        "requires": moved.requires,
        "labels": moved.labels,
        "batch": moved.batch,
        "agent": moved.agent,
        **said,
    }


def is_state(word: str) -> bool:
    """Whether jobs have such a state."""
    return word in set(JobState)
