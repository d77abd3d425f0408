"""What a forge lets one account ask, as its answers tell. Kept in the store, for every replica spends the same."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

# Parts of the quota that are left to what matters more: looking stops first, then everything.
LOOK_WHILE, ACT_WHILE = 0.25, 0.03
# Milliseconds to hold still after a refusal that does not say how long.
HOLD_MS = 60_000
MOST_HOLD_MS = 24 * 3_600_000


class Quota(msgspec.Struct):
    """Requests left of `limit` until `reset_at`; -1 where the forge never said. Times are epoch milliseconds."""

    limit: int = -1
    remaining: int = -1
    reset_at: int = 0
    hold_until: int = 0
    # Requests that were made, and those that were answered from what is known already.
    spent: int = 0
    saved: int = 0

    def note(self, status: int, headers: Mapping[str, str], now: int) -> None:
        """Takes in one answer."""
        self.spent += 1
        self.saved += status == 304
        for prefix in ("x-ratelimit-", "ratelimit-"):
            left = headers.get(f"{prefix}remaining", "")
            if left.isdecimal():
                self.remaining = int(left)
                limit, reset = headers.get(f"{prefix}limit", ""), headers.get(f"{prefix}reset", "")
                self.limit = int(limit) if limit.isdecimal() else self.limit
                self.reset_at = _moment(reset, now) if reset.isdecimal() else self.reset_at
                break
        wait = _retry_after(headers.get("retry-after", ""), now)
        if wait:
            self.hold_until = max(self.hold_until, now + wait)
        elif status == 429 or (status == 403 and self.remaining == 0):
            until = self.reset_at if self.reset_at > now else now + HOLD_MS
            self.hold_until = max(self.hold_until, min(until, now + MOST_HOLD_MS))

    def take(self, other: "Quota") -> None:
        """What another control plane learnt meanwhile, if it did."""
        if other.spent > self.spent:
            for name in self.__struct_fields__:
                setattr(self, name, getattr(other, name))

    def free_at(self, now: int, *, acts: bool) -> int:
        """When the next request may be made: `acts` are those that change something, and may use the last of it."""
        if self.hold_until > now:
            return self.hold_until
        part = ACT_WHILE if acts else LOOK_WHILE
        if self.limit > 0 and self.remaining >= 0 and self.reset_at > now and self.remaining < self.limit * part:
            return self.reset_at
        return now


def _moment(reset: str, now: int) -> int:
    # Some tell the second since 1970, some how many seconds are left.
    seconds = int(reset)
    return seconds * 1_000 if seconds > 10**9 else now + seconds * 1_000


def _retry_after(given: str, now: int) -> int:
    if given.isdecimal():
        return min(int(given) * 1_000, MOST_HOLD_MS)
    try:
        return max(0, min(round(parsedate_to_datetime(given).timestamp() * 1_000) - now, MOST_HOLD_MS)) if given else 0
    except ValueError:
        return 0
