"""Wake channels: the newest of an agent is told, they leave room for beats, and one that nobody reads costs nothing."""

import asyncio
import contextlib
import http.client
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from paddock.cli.api import Api
from paddock.control.plane import Control
from paddock.web import files, wake
from paddock.web.server import listen, serve
from paddock.wire.messages import Reply
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign
from support.light import Light
from support.places import free_port
from support.signers import signer_of
from support.wait import wait_until


class Plane:
    """A control plane in this process."""

    def __init__(self, control: Control, port: int) -> None:
        self.control = control
        self.port = port

    async def agent(self) -> tuple[Light, str]:
        """An agent that has beaten, and its bearer."""
        light = await asyncio.to_thread(Light, Api(f"http://127.0.0.1:{self.port}"), self.port, secrets.token_hex(4))
        raw = await asyncio.to_thread(light.post, "/v1/beat", light.request(want=1), "beat")
        return light, msgspec.json.decode(raw, type=Reply).bearer

    async def next_ms(self, light: Light) -> int:
        """When the agent is to beat again, as the answer to a beat says."""
        raw = await asyncio.to_thread(light.post, "/v1/beat", light.request(want=1), "beat")
        return msgspec.json.decode(raw, type=Reply).next_ms

    def listeners(self, light: Light) -> int:
        """How many channels of an agent are open."""
        known = self.control.fleet.get(light.agent)
        assert known is not None
        return known.listening

    async def channel(self, bearer: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """A connection that asks for the agent's channel, and the head of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /v1/wake HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n\r\n" % bearer.encode())
        return reader, writer, await reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def plane(home: Path) -> AsyncIterator[Plane]:
    control, port = await Control.open(home, signer=signer_of(home)), free_port()
    sock, up = listen("127.0.0.1", port), asyncio.Event()
    serving = asyncio.create_task(serve(control, sock, up.set))
    try:
        async with asyncio.timeout(60):
            await up.wait()
            yield Plane(control, port)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await control.close()
        sock.close()


async def test_the_newest_channel_of_an_agent_is_told_and_the_one_before_ends(tmp_path: Path) -> None:
    async with plane(tmp_path) as here:
        light, bearer = await here.agent()
        old, old_way, head = await here.channel(bearer)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert await old.readuntil(b"awake\n\n\r\n") and here.listeners(light) == 1
        new, new_way, _ = await here.channel(bearer)
        await new.readuntil(b"awake\n\n\r\n")
        assert await old.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"
        here.control.bus.wake([light.agent])
        assert await new.readuntil(b"beat\n\n\r\n") == b"c\r\ndata: beat\n\n\r\n"
        new_way.close()
        await asyncio.to_thread(wait_until, lambda: not here.listeners(light), 30)
        here.control.bus.wake([light.agent])
        old_way.close()


async def test_an_agent_that_reads_nothing_is_told_no_more_than_its_connection_takes(tmp_path: Path) -> None:
    async with plane(tmp_path) as here:
        light, bearer = await here.agent()
        reader, writer, _ = await here.channel(bearer)
        for _ in range(200):
            for _ in range(1_000):
                here.control.bus.wake([light.agent])
            await asyncio.sleep(0)
        await reader.readuntil(b"beat\n\n\r\n")
        writer.close()


async def test_an_agent_that_listens_rests_and_is_missed_as_soon_as_one_that_does_not(tmp_path: Path) -> None:
    async with plane(tmp_path) as here:
        light, bearer = await here.agent()
        assert await here.next_ms(light) < 65_000
        reader, writer, _ = await here.channel(bearer)
        await reader.readuntil(b"awake\n\n\r\n")
        assert await here.next_ms(light) > 400_000, "it has nothing to do and would be told"
        known = here.control.fleet.get(light.agent)
        assert known is not None
        known.licence_due = here.control.clock.now() + 100_000
        assert 60_000 < await here.next_ms(light) < 110_000, "its licence is to be renewed before"
        known.licence_due = 0
        assert await here.next_ms(light) > 400_000
        known.last_seen -= 500_000
        assert here.control.registry.live() == [known]
        writer.close()
        await asyncio.to_thread(wait_until, lambda: not here.listeners(light), 30)
        assert here.control.registry.live() == []


async def test_beats_find_room_beside_the_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "channels", lambda: (1, 2))
    async with plane(tmp_path) as here:
        ways, kept = [], []
        for _ in range(2):
            light, bearer = await here.agent()
            _, writer, head = await here.channel(bearer)
            assert head.startswith(b"HTTP/1.1 200 ")
            ways.append(writer)
            kept.append(await asyncio.to_thread(_is_kept, light))
        assert kept == [True, False], "where files are few, a connection is not kept between beats"
        _, bearer = await here.agent()
        _, writer, head = await here.channel(bearer)
        assert head.startswith(b"HTTP/1.1 503 ") and b"retry-after: %d" % wake._LATER_S in head
        for way in (*ways, writer):
            way.close()


def _is_kept(light: Light) -> bool:
    """Whether the connection of a beat stays open after its answer."""
    link = http.client.HTTPConnection("127.0.0.1", light.port, timeout=30)
    try:
        body = light.request(want=1)
        link.request(
            "POST", "/v1/beat", body, {AGENT_HEADER: light.agent, SIGNATURE_HEADER: sign(body, "beat", light.key)}
        )
        answer = link.getresponse()
        answer.read()
        return not answer.will_close
    finally:
        link.close()
