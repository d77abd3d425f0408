"""Money as whole cents."""


def cents(text):
    """An amount such as `19.99` in cents."""
    return int(float(text) * 100)


def show(amount):
    """Cents as people write them: `19.99`, `-0.05`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def discounted(amount, percent):
    """The amount less a discount, in favour of the shop by at most one cent."""
    return amount - amount * percent // 100


def split(amount, people):
    """The amount in as many shares as there are people; the first ones pay the cents that do not divide."""
    share, rest = divmod(amount, people)
    return [share for _ in range(people)]
