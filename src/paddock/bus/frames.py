"""What replicas say to each other: frames of JSON, none longer than the way allows."""

from collections.abc import Iterable, Iterator

import msgspec

from paddock.bus.base import Sighting

_encoder = msgspec.json.Encoder()


class Frame(msgspec.Struct, array_like=True):
    """One replica's words to all others. `ask`: it has just come and wants to hear of every agent."""

    sender: str
    ask: bool = False
    wakes: list[str] = []
    topics: list[str] = []
    sightings: list[Sighting] = []


_decoder = msgspec.json.Decoder(Frame)


def decode(text: str | bytes) -> Frame | None:
    """The frame; None for what is none, such as one of a release to come."""
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError:
        return None


def encode(
    sender: str,
    limit: int,
    ask: bool = False,
    wakes: Iterable[str] = (),
    topics: Iterable[str] = (),
    sightings: Iterable[Sighting] = (),
) -> Iterator[str]:
    """Frames of at most `limit` bytes that say all of it; at least one, which may say only that the sender is there.

    What is too long for a frame of its own is left out.
    """
    frame = Frame(sender, ask)
    room = most = limit - len(_encoder.encode(frame))
    parts: tuple[tuple[str, Iterable[object]], ...] = (("wakes", wakes), ("topics", topics), ("sightings", sightings))
    for name, items in parts:
        for item in items:
            size = len(_encoder.encode(item)) + 1
            if size > most:
                continue
            if size > room:
                yield _encoder.encode(frame).decode()
                frame, room = Frame(sender), most
            getattr(frame, name).append(item)
            room -= size
    yield _encoder.encode(frame).decode()
