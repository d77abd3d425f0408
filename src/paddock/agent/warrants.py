"""Where the host's policy names a customer's keys, no order is taken that none of them has signed."""

from paddock.agent.journal import Journal
from paddock.core.policy import Policy
from paddock.wire import warrant
from paddock.wire.envelope import EnvelopeError
from paddock.wire.messages import JobOrder


def against(order: JobOrder, policy: Policy, journal: Journal, now: int) -> str:
    """Why an order is not what the customer has signed; nothing when it is, or when the host asks for nothing."""
    if not policy.customer_keys:
        return ""
    if not order.scope.warrant:
        return "this host takes jobs only that a customer's key has signed (`paddock sign`)"
    try:
        work = warrant.read(order.scope.warrant, warrant.keys_of(policy.customer_keys))
    except EnvelopeError as error:
        return f"its warrant does not hold: {error.message}"
    if now >= work.exp:
        return "its warrant has expired"
    if other := warrant.differs(work, order):
        return f"its {other} is not what was signed"
    if journal.warranted(work.id, order.job, work.exp) != order.job:
        return "its warrant was used by another job here"
    return ""
