"""`paddock agents`: the list of agents."""

from paddock.cli import args, out


def main(verb: str, words: list[str]) -> int:
    """Lists every agent."""
    found = args.read(args.for_verb(verb, "paddock agents --json"), words)
    agents = args.api_of(found).get("/v1/agents")
    if found.json:
        out.dump(agents)
        return 0
    rows = [
        [
            agent["name"],
            agent["state"],
            f"{agent['running']}/{agent['slots']}",
            out.age(agent["last_beat"]),
            agent["containment"],
            agent["version"],
            " ".join(agent["capabilities"]),
        ]
        for agent in agents
    ]
    titles = ("agent", "state", "busy", "last beat", "containment", "version", "capabilities")
    out.table(titles, rows, "no agents yet: paddock up, or paddock token mint and paddock run on each machine")
    return 0
