"""`paddock fleet`: the fleet at a glance."""

from paddock.cli import args, out


def main(verb: str, words: list[str]) -> int:
    """Shows the four numbers and what stands behind them."""
    found = args.read(args.for_verb(verb, "paddock fleet"), words)
    api = args.api_of(found)
    fleet = api.get("/v1/fleet")
    trouble = fleet["signer"]["trouble"]
    if found.json:
        out.dump(fleet)
        return 0
    out.facts(
        {
            "control plane": api.server,
            "online": f"{fleet['online']} of {fleet['agents']} agents ({fleet['online_ratio']:.0%})",
            "jobs per hour": str(fleet["jobs_per_hour"]),
            "anomalies": str(fleet["anomalies"]),
            "version skew": str(fleet["version_skew"]),
            "jobs": _counts(fleet["jobs"]) or "none yet",
            "changes": _counts(fleet["changes"]) or "none yet",
            "versions": _counts(fleet["versions"]),
            **({"signer": out.paint(f"{out.plain(trouble)}: jobs wait", "red")} if trouble else {}),
        }
    )
    return 0


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number)
