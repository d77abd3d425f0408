"""Reading the lines of a till roll: `item ; quantity ; price`."""

SEPARATOR = ";"
COMMENT = "#"


def fields(line):
    """The fields of one line, without the blanks around them."""
    return [field for field in line.split(SEPARATOR)]


def join(values):
    """One line of the given values, in the form that `fields` reads."""
    return f" {SEPARATOR} ".join(str(value) for value in values)


def quantity(text):
    """How many: a bare number, or `3x`."""
    return int(text.rstrip("x "))


def wanted(roll):
    """The lines that say something: neither blank nor a comment."""
    out = []
    for line in roll.splitlines():
        if line.strip() == "" or line.startswith(COMMENT):
            continue
        out.append(line)
    return out
