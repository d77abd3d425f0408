"""Money in millionths of the fleet's one currency, as whole numbers; texts and figures only where people read them."""

import re
from decimal import Decimal

from paddock.core.errors import BadInput

MICRO = 1_000_000
# The most that any amount may be, in millionths: nothing that is added up comes near 64 bits.
MOST_MONEY = 10**9 * MICRO
CURRENCY = "USD"
_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,9})?\Z")


def parse(given: object, where: str) -> int:
    """An amount such as `2.50` in millionths, rounded up.

    Raises: BadInput.
    """
    text = repr(given) if isinstance(given, int | float) and not isinstance(given, bool) else given
    if not isinstance(text, str) or not _AMOUNT.match(text):
        raise BadInput(f"{where}: expected an amount such as 2.50", where=where)
    found = -int(-Decimal(text) * MICRO // 1)
    if found > MOST_MONEY:
        raise BadInput(f"{where}: at most {MOST_MONEY // MICRO:,}", where=where)
    return found


def plain(micro: int) -> str:
    """An amount as programs read it: `2.5`, `0.000001`."""
    return f"{Decimal(micro) / MICRO:f}"


def short(amount: str) -> str:
    """What `plain` gives as people read it: two places, more below a hundredth so that little is not nothing."""
    exact = Decimal(amount)
    return f"{exact:,.{2 if exact >= Decimal('0.01') or not exact else 6}f}"


def words(micro: int, currency: str = CURRENCY) -> str:
    """An amount and its currency as people read them."""
    return f"{short(plain(micro))} {currency}"
