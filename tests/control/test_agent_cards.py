"""A2A agent cards, judged by the official SDK's own client over real HTTP."""

import asyncio
import http.client

import httpx
import msgspec
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import AgentCard, Message, Part, Role, SendMessageRequest
from a2a.utils.errors import UnsupportedOperationError

from paddock.core.kinds import KINDS
from support.fleet import Fleet
from support.light import Light


def fetch(plane: Fleet, path: str = "/.well-known/agent-card.json") -> AgentCard:
    async def main() -> AgentCard:
        async with httpx.AsyncClient() as client:
            return await A2ACardResolver(client, plane.url, path).get_agent_card()

    return asyncio.run(main())


def test_the_control_planes_card_is_valid_and_names_what_may_be_submitted(plane: Fleet) -> None:
    card = fetch(plane)
    assert card.name == "Paddock" and card.version
    assert {skill.id for skill in card.skills} == {kind.name for kind in KINDS.values() if not kind.system}
    assert all(skill.name and skill.description and skill.tags for skill in card.skills)
    [way] = card.supported_interfaces
    assert way.url.startswith(plane.url) and (way.protocol_binding, way.protocol_version) == ("HTTP+JSON", "1.0")
    assert not card.capabilities.streaming and card.default_input_modes and card.default_output_modes


def test_an_agents_card_says_what_it_can_and_not_where_it_is(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "host-7.internal", kinds=("noop", "command"))
    light.hello = msgspec.structs.replace(light.hello, capabilities=("python",), labels={"rack": "r-12"})
    light.beat()
    path = f"/v1/agents/{light.agent}/agent-card.json"
    card = fetch(plane, path)
    assert {skill.id for skill in card.skills} == {"noop", "command"} and "python" in card.skills[0].tags
    assert card.supported_interfaces[0].url == f"{plane.url}/v1/agents/{light.agent}/a2a"
    shown = str(card)
    assert "internal" not in shown and "r-12" not in shown and light.key.keyid not in shown


def test_a_card_that_did_not_change_is_not_sent_again(plane: Fleet) -> None:
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request("GET", "/.well-known/agent-card.json")
        first = link.getresponse()
        assert first.read() and first.headers["ETag"].startswith('W/"')
        link.request("GET", "/.well-known/agent-card.json", headers={"If-None-Match": first.headers["ETag"]})
        again = link.getresponse()
        assert (again.status, again.read()) == (304, b"")
    finally:
        link.close()


def test_the_address_on_a_card_tells_the_sdks_client_that_it_takes_no_messages(plane: Fleet) -> None:
    card = fetch(plane)

    async def main() -> None:
        async with httpx.AsyncClient() as http_client:
            config = ClientConfig(httpx_client=http_client, supported_protocol_bindings=["HTTP+JSON"], streaming=False)
            client = ClientFactory(config).create(card)
            message = Message(message_id="m1", role=Role.ROLE_USER, parts=[Part(text="do something")])
            async for _ in client.send_message(SendMessageRequest(message=message)):
                pass

    with pytest.raises(UnsupportedOperationError, match="for discovery"):
        asyncio.run(main())
