"""`code.agent`: a coding agent works on a brief in a boxed worktree; what it wrote becomes a change.

Its home is fresh and holds what the host's owner put there; its model is reached through the proxy, which adds the key.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from paddock.core import coding_agents
from paddock.core.scope_env import kept
from paddock.runners.acp import Conversation, Wish
from paddock.runners.base import Run, RunFailed, Sink, Talk
from paddock.runners.command import Start, carry_out
from paddock.sandbox import Bind
from paddock.sandbox.box import HOME, WORKSPACE
from paddock.sandbox.egress_upstream import PLACEHOLDER, address
from paddock.wire.messages import Outcome

_TEMPLATE = Path("/paddock/home")
# Runs in the box: the owner's files become the run's own before the agent starts.
_SETTLE = 'cp -R -- "$0/." "$HOME/" && exec "$@"'


async def run(job: Run) -> Outcome:
    """Starts the agent that the job names, as the policy of this host has it.

    Raises: RunFailed when the policy has it no more, or a folder of its home is not there.
    """
    payload = job.order.payload
    brief = str(payload["brief"])
    title = str(payload.get("message") or "") or f"{job.order.name}\n\n{brief[:2_000]}"
    return await carry_out(job, prepared(job, str(payload["agent"]), str(payload.get("model") or ""), brief, title))


def prepared(job: Run, name: str, model: str, brief: str, title: str = "") -> Start:
    """How an agent is started on this host with a brief.

    Raises: RunFailed when the policy has it no more, or a folder of its home is not there.
    """
    setup = job.fence.agents.get(name)
    if setup is None:
        raise RunFailed(f"the policy of this host has no agent {name} any more", code="policy_denied")
    argv, told = coding_agents.start(name, setup, brief, model)
    binds = [_bind(source, Path(HOME) / target) for target, source in setup.cache.items()]
    if setup.home:
        binds.append(_bind(setup.home, _TEMPLATE))
        argv = ["/bin/sh", "-c", _SETTLE, str(_TEMPLATE), *argv]
    env = _env(job, name, setup)
    talk = _talk(job, setup, brief, model) if setup.acp else None
    return Start(argv=argv, env=env, message=title, binds=binds, stdin=told, talk=talk, shown=name)


def _talk(job: Run, setup: coding_agents.Setup, brief: str, model: str) -> Callable[[Sink], Talk]:
    wish = Wish(brief=brief, model=model, login=setup.login, root=PurePosixPath(WORKSPACE))
    return lambda log: Conversation(wish, job.fence, log)


def _bind(source: str, target: Path) -> Bind:
    if not Path(source).is_dir():
        raise RunFailed(f"{source} of the policy is no folder", code="policy_denied")
    return Bind(Path(source), target)


def _env(job: Run, name: str, setup: coding_agents.Setup) -> dict[str, str]:
    """The job's own variables, the profile's, the owner's, and the way to the model; the later win."""
    profile = coding_agents.PROFILES.get(name)
    given: dict[str, Any] = job.order.payload.get("env") or {}
    env = kept(given, rules=job.order.scope.commands is not None)
    if profile is not None:
        env |= profile.env
        if setup.secret:
            env |= {profile.address: address(setup.secret) + profile.base, profile.key: PLACEHOLDER}
    return env | dict(setup.env)
