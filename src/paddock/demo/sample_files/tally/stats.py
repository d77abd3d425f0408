"""Figures of a day."""


def mean(values):
    """The mean; 0 for no values."""
    return sum(values) / len(values) if values else 0


def median(values):
    """The value in the middle; between two, their mean."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle]


def growth(before, after):
    """The change from one figure to another, in percent."""
    return (after - before) / before * 100
