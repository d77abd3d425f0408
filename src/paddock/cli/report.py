"""`paddock report`: asks those who run the control plane for help, from an agent's host."""

import asyncio

from paddock.cli import args, out
from paddock.core.errors import BadInput

EXAMPLE = 'paddock report --state ~/.local/state/paddock/agents/agent-1 --logs --note "boxes do not start"'


def main(verb: str, words: list[str]) -> int:
    """Files a report with the agent's status; `--dry-run` only shows what would go."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "state", "name")
    parser.add_argument("--note", default="", help="what is wrong")
    parser.add_argument("--logs", action="store_true", help="with the last 200 lines of its log, secrets covered")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    found = args.read(parser, words)
    state = args.settings_of(found).state
    import msgspec

    from paddock.agent.report import compose, send

    report = compose(state, found.note[:4_000], logs=found.logs)
    if not report.status and not report.log:
        raise BadInput(f"no agent has run with {state}", hint="give its state directory with --state, or its --name")
    if found.dry_run:
        out.dump(msgspec.to_builtins(report))
        return 0
    made = asyncio.run(send(state, report))
    if found.json:
        out.dump({"report": made, "lines": len(report.log)})
    else:
        out.line(f"report {made} is filed; operators read it at /admin/reports/{made}")
    return 0
