"""`paddock fan-out`: whether running jobs side by side pays for starting the workers."""

from typing import Any

from paddock.cli import args, out

EXAMPLE = "paddock fan-out --jobs 12 --seconds 30 --spawn 2 --slots 4"


def main(verb: str, words: list[str]) -> int:
    """Exit code 0 either way: it is advice."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("--jobs", type=args.whole(1), required=True, metavar="N", help="how many jobs")
    parser.add_argument("--seconds", type=args.seconds, required=True, metavar="T", help="how long one takes")
    parser.add_argument(
        "--spawn",
        type=args.seconds,
        metavar="S",
        help="seconds that starting the workers costs; measured when left out",
    )
    parser.add_argument("--slots", type=args.whole(1), metavar="K", help="workers; one for each job when left out")
    parser.add_argument("--kind", default="command", help="the kind whose measured cost counts (command)")
    found = args.read(parser, words)
    advice = _here(found) if found.spawn is not None else _asked(found)
    if found.json:
        out.dump(advice)
        return 0
    saved, cost = advice["saving_seconds"], advice["spawn_seconds"]
    out.line("fan out" if advice["fan_out"] else "run them one after the other")
    out.line(
        f"  one after the other {advice['total_seconds']:g} s, side by side {advice['makespan_seconds']:g} s: "
        f"{saved:g} s saved for {cost:.2g} s of starting ({advice['spawn_source']})"
    )
    return 0


def _here(found: Any) -> dict[str, object]:
    """By the rule alone, without a control plane."""
    from paddock.core import schedule

    advice = schedule.fan_out([found.seconds] * found.jobs, found.slots or found.jobs, found.spawn)
    return {
        "jobs": advice.jobs,
        "slots": advice.slots,
        "total_seconds": advice.total_seconds,
        "makespan_seconds": advice.makespan_seconds,
        "spawn_seconds": advice.spawn_seconds,
        "saving_seconds": advice.saving_seconds,
        "fan_out": advice.fan_out,
        "spawn_source": "given",
    }


def _asked(found: Any) -> dict[str, Any]:
    answer: dict[str, Any] = args.api_of(found).get(
        "/v1/fan-out", jobs=found.jobs, seconds=found.seconds, kind=found.kind, slots=found.slots
    )
    return answer
