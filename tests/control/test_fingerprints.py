"""What an agent's host means to a served control plane: bound, followed while it drifts, noticed when it is another."""

from typing import Any

import msgspec
import pytest

from paddock.wire.messages import Reply
from support.fleet import Fleet
from support.light import Light

HOST = {"machine": "m1", "board": "b1", "disk": "d1", "network": "n1"}


class Minting:
    """Mints tokens with a binding."""

    def __init__(self, plane: Fleet, binding: str) -> None:
        self._plane, self._binding = plane, binding

    def post(self, path: str, body: dict[str, object]) -> Any:
        return self._plane.api.post(path, {**body, "binding": self._binding})


def boot(agent: Light, **changed: str) -> None:
    agent.boot()
    agent.hello = msgspec.structs.replace(agent.hello, fingerprint=HOST | changed)
    msgspec.json.decode(agent.post("/v1/beat", agent.request(), "beat"), type=Reply)


def found(plane: Fleet, agent: Light) -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in plane.api.get("/v1/anomalies") if one["agent"] == agent.agent}


@pytest.mark.parametrize(
    ("binding", "type_", "standing"),
    [("optional", "fingerprint_mismatch", "active"), ("required", "binding_broken", "quarantined")],
)
def test_another_host_is_noticed_and_may_be_accepted(plane: Fleet, binding: str, type_: str, standing: str) -> None:
    agent = Light(Minting(plane, binding), plane.port, f"moves-{binding}")  # type: ignore[arg-type]
    boot(agent)
    boot(agent, network="n2")  # a new card
    boot(agent, network="n2", disk="d2")  # and later a new disk
    assert found(plane, agent) == {}
    boot(agent, machine="m3", board="b3", network="n3", disk="d3")
    raised = found(plane, agent)[type_]
    assert raised["standing"] == standing
    assert raised["facts"] == {"changed": "machine, board, disk, network", "unchanged_percent": 0}
    plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", {"by": "ann", "note": "we moved it"})
    boot(agent, machine="m3", board="b3", network="n3", disk="d3")
    assert found(plane, agent) == {}
    boot(agent)
    assert set(found(plane, agent)) == {type_}


def test_an_agent_that_is_bound_to_nothing_moves_freely(plane: Fleet) -> None:
    agent = Light(Minting(plane, "none"), plane.port, "free")  # type: ignore[arg-type]
    boot(agent)
    boot(agent, machine="m3", board="b3", network="n3", disk="d3")
    assert found(plane, agent) == {}
    [seen] = [one for one in plane.api.get("/v1/agents") if one["id"] == agent.agent]
    assert (seen["binding"], seen["fingerprint"]) == ("none", [])
