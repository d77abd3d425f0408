"""`paddock run --source git`: an agent whose jobs are the tasks of a git remote."""

from pathlib import Path

from paddock.cli import args
from paddock.cli.git_remote import flags_of_remote, fleet_of, signer_of

EXAMPLE = """\
paddock run --source git --repo https://forge.example/shop.git --name host-3 --slots 2
paddock run --source git --repo /srv/shop.git --exec 'my-agent --task-file "$AGENT_TASK_FILE"' --once"""
SETTINGS = ("name", "state", "slots", "work", "tools", "policy", "allow_degraded", "drain_seconds", "log_level")


def main(verb: str, words: list[str]) -> int:
    """Runs until it is told to stop, or with --once until nothing is ready."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, *SETTINGS)
    parser.add_argument("--source", choices=("git",), required=True, help="where jobs come from")
    flags_of_remote(parser, signs=True)
    parser.add_argument("--project", default="", metavar="P", help="only tasks of this project")
    parser.add_argument("--role", default="", metavar="R", help="also tasks that are for this role alone")
    parser.add_argument("--min-priority", type=int, default=0, metavar="N", help="only tasks at least so urgent")
    parser.add_argument("--exec", default="", metavar="CMD", help="runs, by sh, tasks that have no section `run`")
    parser.add_argument("--renew", type=args.span, default=600.0, metavar="SPAN", help="between renewals (10m)")
    parser.add_argument("--stall", type=args.span, default=1_800.0, metavar="SPAN", help="until claims end (30m)")
    parser.add_argument("--poll", type=args.span, default=10.0, metavar="SPAN", help="between looks while idle (10s)")
    parser.add_argument("--settle-at", type=args.whole(0), default=200, metavar="N", help="fold so many done (200)")
    parser.add_argument("--once", action="store_true", help="end when nothing is ready")
    found = args.read(parser, words)
    settings = args.settings_of(found)
    from paddock.agent.config import AgentConfig
    from paddock.agent.main import log_to_stderr
    from paddock.agent.sourced import run
    from paddock.gitnative.fleet import Agent
    from paddock.gitnative.refs import check_agent
    from paddock.gitnative.selection import Filter
    from paddock.gitnative.source import GitSource, Work
    from paddock.sandbox import dedupe, default_tools
    from paddock.workspace.layout import workspace_root

    log_to_stderr(settings.log_level)
    argv = ("sh", "-c", found.exec) if found.exec else ()
    want = Filter(project=found.project, role=found.role, min_priority=found.min_priority, runnable=not argv)
    work = Work(
        want=want,
        argv=argv,
        degraded=settings.allow_degraded,
        stall_minutes=found.stall / 60,
        settle_at=found.settle_at,
    )
    agent = Agent(name=check_agent(settings.name), sign=signer_of(found))
    config = AgentConfig(
        state=settings.state,
        server="",
        name=settings.name,
        work=workspace_root(settings.work),
        slots=settings.slots,
        tools=dedupe([*default_tools(), *(Path(tool) for tool in settings.tools)]),
        policy=args.policy_of(settings),
        allow_degraded=settings.allow_degraded,
        drain_s=settings.drain_seconds,
    )
    source = GitSource(fleet_of(found), agent, work)
    return run(config, source, renew_s=found.renew, poll_s=found.poll, once=found.once)
