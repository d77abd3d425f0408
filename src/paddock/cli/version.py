"""`paddock version`."""

from paddock import __version__
from paddock.cli import args, out


def main(verb: str, words: list[str]) -> int:
    """Prints the version."""
    found = args.read(args.for_verb(verb, "paddock version"), words)
    if found.json:
        out.dump({"version": __version__})
    else:
        out.line(f"paddock {__version__}")
    return 0
