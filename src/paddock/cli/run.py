"""`paddock run`: one agent."""

from pathlib import Path

from paddock.cli import args

EXAMPLE = """\
PADDOCK_TOKEN=$(paddock token mint) paddock run --name build-host-3 --slots 4
paddock run --source git --help   # an agent without a control plane"""
SETTINGS = (
    "name",
    "state",
    "slots",
    "capabilities",
    "kinds",
    "labels",
    "health",
    "health_seconds",
    "health_timeout",
    "work",
    "tools",
    "policy",
    "allow_degraded",
    "token_file",
    "drain_seconds",
    "log_level",
)


def main(verb: str, words: list[str]) -> int:
    """Runs until it is told to stop or the control plane says so."""
    if any(word == "--source" or word.startswith("--source=") for word in words):
        from paddock.cli import git_run

        return git_run.main(verb, words)
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, *SETTINGS)
    settings = args.settings_of(args.read(parser, words))
    from paddock.agent import health
    from paddock.agent.config import AgentConfig
    from paddock.agent.main import log_to_stderr, run
    from paddock.sandbox import dedupe, default_tools
    from paddock.workspace.layout import workspace_root

    log_to_stderr(settings.log_level, settings.state)
    return run(
        AgentConfig(
            state=settings.state,
            server=settings.server,
            name=settings.name,
            work=workspace_root(settings.work),
            slots=settings.slots,
            kinds=settings.kinds,
            capabilities=settings.capabilities,
            labels=health.labels(settings.labels),
            checks=health.declared(settings.health),
            check_s=settings.health_seconds,
            check_timeout_s=settings.health_timeout,
            tools=dedupe([*default_tools(), *(Path(tool) for tool in settings.tools)]),
            policy=args.policy_of(settings),
            allow_degraded=settings.allow_degraded,
            token=settings.secret(),
            drain_s=settings.drain_seconds,
        )
    )
