"""Days and months of the business year."""

MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_open(first, last):
    """How many days the shop is open from one date to another, both included."""
    return (last - first).days


def quarter(month):
    """The quarter that a month lies in, 1 to 4."""
    return (month - 1) // 3 + 1


def label(year, month):
    """A month as reports name it: `2024-02`."""
    return f"{year:04d}-{month:02d}"


def is_leap(year):
    """Whether a year has a 29th of February."""
    return year % 4 == 0


def days_in(year, month):
    """How many days a month has."""
    return MONTHS[month - 1] + (1 if month == 2 and is_leap(year) else 0)
