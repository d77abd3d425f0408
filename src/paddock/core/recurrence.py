"""When something recurs: a cron expression in a time zone, or an interval. Moments are epoch milliseconds.

Cron is read as Debian's cron reads it, also where clocks are put forward or back: a job at a fixed time of day runs
once on each day, one whose minute or hour begins with a star goes by the time that passes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice

from cronsim import CronSim, CronSimError

from paddock.core.errors import BadInput

SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
LEAST_EVERY, MOST_EVERY = 1_000, 366 * 86_400_000
# Times of day that a clock put back shows twice stand at most so close together.
_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """Either `cron` in `zone`, or `every` milliseconds."""

    cron: str = ""
    zone: tzinfo = UTC
    every: int = 0


def check(of: Recurrence) -> None:
    """Raises: BadInput for what is no expression, or an interval out of bounds."""
    if bool(of.cron) == bool(of.every):
        raise BadInput("either cron or every", hint="such as cron '*/15 * * * *' or every 900 seconds", where="cron")
    if of.every and not LEAST_EVERY <= of.every <= MOST_EVERY:
        raise BadInput("every: expected 1 second to 366 days", where="every")
    if of.cron:
        _iterate(of, 0)


def next_after(of: Recurrence, moment: int, anchor: int) -> int | None:
    """The first time behind `moment`; intervals are counted from `anchor`. None when there is none for fifty years."""
    if of.every:
        return anchor + max(1, (moment - anchor) // of.every + 1) * of.every
    for found in islice(_iterate(of, moment), _TRIES):
        at = int(found.timestamp() * 1_000)
        # While a clock that was put back shows an hour again, times of day lie behind us that still seem to come.
        if at > moment:
            return at
    return None


def _iterate(of: Recurrence, moment: int) -> CronSim:
    expression = SHORTHANDS.get(of.cron, of.cron)
    words = len(expression.split())
    if words != 5:
        raise BadInput(
            f"cron: five fields are expected, {words} are given", hint="such as '*/15 * * * *'", where="cron"
        )
    try:
        return CronSim(expression, datetime.fromtimestamp(moment / 1_000, of.zone))
    except CronSimError as error:
        raise BadInput(f"cron: {str(error)[:1].lower()}{str(error)[1:]} in {of.cron[:60]!r}", where="cron") from None
