"""The control plane's API for programs of operators."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paddock.client.registry import Agent, agent_of, watch
from paddock.client.state import State
from paddock.client.topics import Topic
from paddock.client.transport import Transport

Json = dict[str, Any]


class Client:
    """A control plane. Answers are the API's JSON as it stands; see the HTTP API's reference.

    `patience` is how many seconds a call goes on asking a server that does not answer; `token` is an API token, where
    people log in, and PADDOCK_API_TOKEN when it is left out.
    Every method raises ClientError as the server says it, and Unreachable.
    """

    def __init__(
        self,
        server: str = "http://127.0.0.1:8420",
        *,
        timeout: float = 60.0,
        patience: float = 30.0,
        token: str | None = None,
    ) -> None:
        bearer = os.environ.get("PADDOCK_API_TOKEN", "") if token is None else token
        self.transport = Transport(server, timeout=timeout, patience=patience, bearer=bearer)
        # A batch whose answer was lost may have been taken: submitting it again would run it twice.
        self._once = Transport(server, timeout=timeout, patience=0.0, bearer=bearer)

    def submit(
        self,
        project: str,
        jobs: Sequence[Mapping[str, Any]],
        *,
        defaults: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Json:
        """Submits a batch whole or not at all: `{"batch": id, "jobs": [{"id", "name"}…]}`.

        It is sent once. After Unreachable it may have been taken or not; jobs with a `unique` key may be sent again.
        """
        batch = {
            "project": project,
            "name": name,
            "defaults": dict(defaults or {}),
            "jobs": [dict(job) for job in jobs],
        }
        return _mapping(self._post("/v1/jobs", batch))

    def jobs(self, *, limit: int = 500, **query: object) -> list[Json]:
        """The newest jobs; `query` is state, project, batch, kind, label or system."""
        found: Any = self.transport.call("GET", "/v1/jobs", query={**query, "limit": limit}).json()
        return list(found)

    def job(self, ref: str) -> Json:
        """Everything about a job, by its id or name. Raises: NotFound."""
        return _mapping(self.transport.call("GET", f"/v1/jobs/{ref}").json())

    def cancel(self, ref: str) -> Json:
        """Cancels a job."""
        return _mapping(self._post(f"/v1/jobs/{ref}/cancel", {}))

    def retry(self, ref: str) -> Json:
        """Gives an ended job a fresh set of tries."""
        return _mapping(self._post(f"/v1/jobs/{ref}/retry", {}))

    def state(self, space: str, owner: str) -> State:
        """The keys of a job or an agent, by id or name, or of a project; `space` is `job`, `project` or `agent`."""
        return State(self.transport, f"/v1/state/{space}/{owner}")

    def topics(self, prefix: str = "") -> Iterator[Json]:
        """Topics whose names begin so: name, latest position, events and bytes; read a page at a time."""
        asked = {"prefix": prefix}
        while True:
            answer = self.transport.call("GET", "/v1/topics", query=asked)
            found: Any = answer.json()
            yield from found
            if "paddock-next" not in answer.headers:
                return
            asked["after"] = answer.headers["paddock-next"]

    def topic(self, name: str, source: str = "/programs") -> Topic:
        """A topic by its name, or by `project:PROJECT:NAME`, `job:JOB:NAME` or `agent:AGENT:NAME`.

        `source` is what its events say they come from.
        """
        return Topic(self.transport, f"/v1/topics/{name}", source)

    def job_news(
        self,
        *,
        project: Sequence[str] = (),
        kind: Sequence[str] = (),
        state: Sequence[str] = (),
        capability: Sequence[str] | None = None,
    ) -> Topic:
        """What becomes of jobs, to be read and followed: an event of type `paddock.job.STATE` whenever one is moved.

        With `capability` of the jobs that need nothing beyond these: what an agent that has them could take.
        """
        able = None if capability is None else list(capability) or [""]
        query = {"project": project, "kind": kind, "state": state, "capability": able}
        return Topic(self.transport, "/v1/topics/paddock.jobs", query=query)

    def keep_topic(self, name: str, *, seconds: int = 0, count: int = 0) -> Json:
        """Makes a topic, or sets what it keeps: events of so many seconds, and so many; 0 is no bound."""
        body = {"name": name, "keep_seconds": seconds, "keep_count": count}
        return _mapping(self._post("/v1/topics", body))

    def registry(
        self,
        *,
        capability: Sequence[str] = (),
        kind: Sequence[str] = (),
        label: Sequence[str] = (),
        healthy: bool | None = None,
    ) -> Iterator[Agent]:
        """The live agents that can do all of this, in the order of their ids; read a page at a time.

        A label is `key` or `key=value`; `healthy` None asks for both.
        """
        asked = {**_wanted(capability, kind, label, healthy), "limit": 500}
        while True:
            answer = self.transport.call("GET", "/v1/registry", query=asked)
            found: Any = answer.json()
            yield from (agent_of(raw) for raw in found)
            if "paddock-next" not in answer.headers:
                return
            asked["after"] = answer.headers["paddock-next"]

    def watch_registry(
        self,
        *,
        capability: Sequence[str] = (),
        kind: Sequence[str] = (),
        label: Sequence[str] = (),
        healthy: bool | None = None,
    ) -> Iterator[dict[str, Agent]]:
        """The same agents by id, at first and anew whenever one of them joins, changes or leaves.

        A connection that is lost is taken up again for as long as the client's patience.
        """
        return watch(self.transport, _wanted(capability, kind, label, healthy), self.transport.patience)

    def _post(self, path: str, body: object) -> object:
        headers = {"Content-Type": "application/json"}
        return self._once.call("POST", path, json.dumps(body).encode(), headers).json()


def _mapping(found: object) -> Json:
    assert isinstance(found, dict)
    return found


def _wanted(
    capability: Sequence[str], kind: Sequence[str], label: Sequence[str], healthy: bool | None
) -> dict[str, object]:
    word = {None: "any", True: "true", False: "false"}[healthy]
    return {"capability": capability, "kind": kind, "label": label, "healthy": word}
