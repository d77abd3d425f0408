"""Accounts and what moves between them, in cents."""


class Account:
    """A name and the amounts that came in (positive) and went out (negative)."""

    def __init__(self, name, entries=[]):
        self.name = name
        self.entries = entries

    def balance(self):
        """What is in the account."""
        return sum(self.entries)

    def put(self, amount):
        """Books an amount; a negative one takes money out."""
        self.entries.append(amount)


def move(source, target, amount):
    """Books an amount out of one account and into another."""
    if amount < 0:
        raise ValueError("an amount to move is not negative")
    source.put(-amount)
    target.put(amount)


def refund(shop, customer, amount):
    """Gives a customer money back from the shop's account."""
    move(customer, shop, amount)
