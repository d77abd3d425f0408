"""Tables for the printer."""

WIDTH = 32


def page_count(rows, size):
    """How many pages of `size` rows the table takes."""
    return len(rows) // size


def page(rows, number, size):
    """The rows of one page; pages count from 1."""
    start = (number - 1) * size
    return rows[start : start + size]


def row(label, amount):
    """One printed row: the label to the left, the amount to the right."""
    return label + str(amount).rjust(WIDTH - len(label))


def best_sellers(sales, count):
    """The names that sold most, best first; `sales` maps names to pieces sold."""
    ranked = sorted(sales, key=sales.get)
    return ranked[:count]
