"""What is on the shelves."""


def take(stock, name, pieces):
    """Takes pieces off the shelf; never more than are there."""
    taken = min(pieces, stock.get(name, 0))
    stock[name] = stock.get(name, 0) - taken
    return taken


def to_order(stock, minimum):
    """The names to order, sorted: those whose stock has come down to the minimum."""
    return sorted(name for name, pieces in stock.items() if pieces < minimum)


def lasts(pieces, sold, days):
    """For how many whole days the stock lasts, when `sold` pieces went in `days` days."""
    return pieces * days // sold
