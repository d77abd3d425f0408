"""Agents that show that they are there, so that each can tell which task falls to it."""

from collections.abc import Mapping

from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.objects import EMPTY_TREE, ZERO
from paddock.gitnative.protocol import Push, Update

TRIES = 6


def announce(fleet: Fleet, agent: Agent) -> None:
    """Says that an agent is there and idle, or still is.

    Raises: GitUnreachable, GitRefused.
    """
    for left in reversed(range(TRIES)):

        def decide(refs: Mapping[str, str]) -> Push:
            view = fleet.view(refs)
            commit = fleet.commit(agent, f"[AGENT-HERE] {agent.name}\n\nsession: {agent.session}\nat: {fleet.now()}")
            there = view.agents.get(agent.name, ZERO)
            return Push([Update(view.agent_ref(agent.name), there, commit.id)], [commit, EMPTY_TREE])

        seen = fleet.exchange(decide)
        assert seen.report is not None
        if seen.report.ok:
            agent.announced = True
            return
        fallen = unwanted(seen.report) and fleet.fall_back(fleet.view(seen.refs), TRIES - left)
        if not left and not fallen:
            raise refusal(fleet.remote, seen.report)
        fleet.pause(fleet.rng.random() * 0.2 * (TRIES - left))


def withdraw(fleet: Fleet, agent: Agent) -> None:
    """Takes an agent's announcement away; nothing happens when there is none.

    Raises: GitUnreachable.
    """

    def decide(refs: Mapping[str, str]) -> Push | None:
        view = fleet.view(refs)
        there = view.agents.get(agent.name)
        return Push([Update(view.agent_ref(agent.name), there, ZERO)]) if there else None

    fleet.exchange(decide)
    agent.announced = False
