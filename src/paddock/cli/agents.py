"""`paddock agents`: every agent, or the live ones that can do what is asked."""

from typing import Any
from urllib.parse import urlencode

from paddock.cli import args, out
from paddock.cli.api import Api

EXAMPLE = "paddock agents\npaddock agents --capability python --label zone=eu-1 --healthy"
_PAGE = 1_000
_QUESTIONS = ("capability", "kind", "label")


def main(verb: str, words: list[str]) -> int:
    """Lists agents; with a question, those of the registry, which are live."""
    parser = args.for_verb(verb, EXAMPLE)
    for name, about in (
        ("capability", "live agents with this capability"),
        ("kind", "live agents that run this kind of job"),
        ("label", "live agents with this label, as key or key=value"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], help=f"{about}; may be given again")
    parser.add_argument("--healthy", action="store_const", const="true", help="live agents whose checks are well")
    parser.add_argument("--unhealthy", dest="healthy", action="store_const", const="false", help="… are not well")
    found = args.read(parser, words)
    api = args.api_of(found)
    query = [(name, value) for name in _QUESTIONS for value in getattr(found, name)]
    query += [("healthy", found.healthy)] if found.healthy else []
    agents = _live(api, query) if query else api.get("/v1/agents")
    if found.json:
        out.dump(agents)
        return 0
    titles = ("agent", "state", "busy", "last beat", "version", "labels", "capabilities")
    nobody = "no agents yet: paddock up, or paddock token mint and paddock run on each machine"
    out.table(titles, [_row(agent) for agent in agents], "no live agent fits" if query else nobody)
    return 0


def _live(api: Api, query: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The registry's answer, page by page."""
    agents: list[dict[str, Any]] = []
    while True:
        after = agents[-1]["id"] if agents else ""
        page = api.get("/v1/registry?" + urlencode([*query, ("limit", str(_PAGE)), ("after", after)]))
        agents += page
        if len(page) < _PAGE:
            return agents


def _row(agent: dict[str, Any]) -> list[Any]:
    state = agent.get("state") or ("draining" if agent["draining"] else "online")
    if agent.get("standing", "active") != "active":
        state = f"{state}, {agent['standing']}"
    if agent.get("waits") and agent.get("standing", "active") == "active":
        state = f"{state}, waits for its licence"
    bad = [check["name"] for check in agent["health"] if not check["ok"] and not check["advisory"]]
    return [
        agent["name"],
        f"{state}, unhealthy: {', '.join(bad)}" if bad and state != "offline" else state,
        f"{agent['running']}/{agent['slots']}",
        out.age(agent["last_beat"]),
        agent["version"],
        " ".join(f"{key}={value}" if value else key for key, value in agent["labels"].items()),
        " ".join(agent["capabilities"]),
    ]
