"""Who is woken for a review: rather an agent that did not write the change. An author that takes it hands it back."""

from paddock.control import dispatch
from paddock.control.plane import Control
from paddock.core import matching
from paddock.core.states import JobState
from paddock.store.records import JobFilter

KIND = "review.run"
MOST = 50


async def wake(control: Control) -> None:
    """Wakes idle agents for what is ready; for reviews, those that wrote none of the changes first."""
    lanes = [lane for lane, (jobs, _) in control.lanes.items() if jobs and matching.parse_lane(lane)[1] == KIND]
    authors = await _authors(control) if lanes else set()
    aside = [agent for one in authors if (agent := control.fleet.get(one)) and control.idle.drop(agent)]
    if not aside:
        dispatch.wake_idle(control)
        return
    others = any(dispatch.fits(profile, lane) for profile, idle in control.idle.groups() if idle for lane in lanes)
    dispatch.wake_idle(control)
    for agent in aside:
        control.idle.put(agent, agent.free)
    # The authors are woken for everything else, and for reviews only where nobody else is there.
    kept = {lane: control.lanes.pop(lane) for lane in lanes} if others else {}
    dispatch.wake_idle(control)
    control.lanes |= kept


async def _authors(control: Control) -> set[str]:
    waiting = await control.store.jobs(JobFilter(state=JobState.READY, kind=KIND, system=True, limit=MOST))
    return {agent for job in waiting for agent in job.payload.get("authors", ())}
