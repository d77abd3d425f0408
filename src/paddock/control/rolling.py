"""The control plane's side of the state that rolls with the beats."""

from hashlib import blake2b

from paddock.control import anomalies
from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.core.errors import StaleSession
from paddock.core.rolling import Held, Roll, Verdict, judge, step
from paddock.wire.messages import Beat


def token(secret: blake2b, agent: str, number: int, made: str) -> str:
    """A state as it travels: `number.made.mac`. The same step makes the same text, on every replica."""
    text = f"{number}.{made}"
    mac = secret.copy()  # with the key in it already
    mac.update(f"{agent}.{text}".encode())
    return f"{text}.{mac.hexdigest()}"


def read(secret: blake2b, agent: str, state: str) -> Held | None:
    """A state that this control plane has made for this agent; None for any other."""
    if not state:
        return Held(0, "")
    number, _, rest = state.partition(".")
    made, _, _ = rest.partition(".")
    if not (number.isascii() and number.isdigit()):
        return None
    held = Held(int(number), made)
    return held if token(secret, agent, *held) == state else None


async def roll(control: Control, agent: Presence, given: Beat) -> str | None:
    """The state to answer a beat with; None when two hold this agent's state, which is an anomaly by now.

    Raises: StaleSession for what an earlier boot sent and comes late.
    """
    if agent.state and given.state == agent.state and given.nonce:  # what was answered last: nearly every beat
        agent.roll = Roll(agent.roll.number + 1, given.nonce, agent.roll.made)
    elif not await _takes(control, agent, given):
        return None
    agent.state = token(control.rolling, agent.agent, agent.roll.number, agent.roll.made)
    return agent.state


async def _takes(control: Control, agent: Presence, given: Beat) -> bool:
    shown = read(control.rolling, agent.agent, given.state)
    verdict = judge(agent.roll, shown, given.nonce) if shown is not None and given.nonce else Verdict.CLONE
    if verdict is Verdict.ONWARD and shown is not None:
        agent.roll = step(shown, given.nonce)
    elif verdict is Verdict.CLONE:
        # Ids of sessions sort by the time of their boot. A live process that is told this boots anew and is seen then.
        if given.session < agent.session:
            raise StaleSession()
        number = shown.number if shown is not None else -1
        await anomalies.notice(
            control, "suspected_clone", agent.agent, session=given.session, shown=number, expected=agent.roll.number
        )
        return False
    return True


async def boot(control: Control, agent: Presence, given: Beat) -> str | None:
    """As `roll`, for the beginning of a session: what is known is on disk before the session begins."""
    if not given.nonce and not agent.roll.number:
        return ""  # a release that rolls no state
    before = agent.roll
    state = await roll(control, agent, given)
    if state is None or agent.roll == before:
        return state
    if await control.store.roll(agent.agent, agent.kept_roll, agent.roll, control.clock.now()):
        agent.kept_roll = agent.roll
        return state
    # Another replica has heard of this agent in the meantime.
    record = await control.store.agent(agent.agent)
    agent.roll, agent.state = Roll(*record.roll), ""
    agent.kept_roll = agent.roll
    return await boot(control, agent, given)
