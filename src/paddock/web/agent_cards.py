"""A2A agent cards: the control plane's own and one for each agent, so that others find what the fleet can do.

A card is public: it names no host, no key and no label. Agents are never called, so the address on every card is the
control plane's; what answers there is said on the card, see docs/adr/0013-agent-cards.md.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock import __version__
from paddock.core.kinds import KINDS, Kind
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of

PROTOCOL = "1.0"
_JSON = "application/json"
_HOW = "Discovery only: this address takes no A2A messages. Work is submitted as signed jobs with POST /v1/jobs."


def _card(
    url: str, name: str, about: str, skills: Iterable[tuple[Kind, tuple[str, ...]]], version: str
) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"{about} {_HOW}",
        "version": version or "0",
        "supportedInterfaces": [{"url": url, "protocolBinding": "HTTP+JSON", "protocolVersion": PROTOCOL}],
        "capabilities": {"streaming": False, "pushNotifications": False, "extendedAgentCard": False},
        "defaultInputModes": [_JSON],
        "defaultOutputModes": [_JSON],
        "skills": [
            {"id": kind.name, "name": kind.name, "description": kind.about, "tags": ["job", *tags]}
            for kind, tags in skills
        ],
    }


def _answer(request: Request, card: dict[str, Any]) -> Response:
    body = msgspec.json.encode(card)
    tag = f'W/"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=_JSON, headers=headers)


def _at(request: Request, path: str) -> str:
    return str(request.base_url).rstrip("/") + path


async def fleet_card(request: Request) -> Response:
    skills = ((kind, ()) for kind in KINDS.values() if not kind.system)
    about = "A control plane for a fleet of coding agents: fenced jobs, one worktree and one change per job."
    return _answer(request, _card(_at(request, "/a2a"), "Paddock", about, skills, __version__))


async def agent_card(request: Request) -> Response:
    agent = await control_of(request).store.agent(request.path_params["ref"])
    skills = ((KINDS[kind], agent.capabilities) for kind in agent.kinds if kind in KINDS)
    url = _at(request, f"/v1/agents/{agent.id}/a2a")
    return _answer(request, _card(url, f"Paddock agent {agent.id}", "One agent of the fleet.", skills, agent.version))


async def no_messages(_request: Request) -> Response:
    """What the address on a card answers: an error that A2A's own clients understand."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "UNSUPPORTED_OPERATION",
        "domain": "a2a-protocol.org",
    }
    told = {
        "code": "unsupported_operation",
        "status": "FAILED_PRECONDITION",
        "message": "this address takes no A2A messages; its card is for discovery",
        "hint": "submit work as jobs with POST /v1/jobs",
        "retryable": False,
        "where": "",
        "details": [info],
    }
    return JSONResponse({"error": told}, status_code=400)


ENDPOINTS = (
    Endpoint("GET", "/.well-known/agent-card.json", "The control plane's A2A agent card", fleet_card, may=May.ANYBODY),
    Endpoint("GET", "/v1/agents/{ref}/agent-card.json", "An agent's A2A agent card", agent_card, may=May.READ),
)

routes = [
    Endpoint(method, f"{path}/{{rest:path}}", "No A2A messages are taken", no_messages, may=May.ANYBODY).route()
    for path in ("/a2a", "/v1/agents/{ref}/a2a")
    for method in ("GET", "POST", "DELETE")
]
