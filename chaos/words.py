"""What a storm says while it goes on, and how it gives up."""

import sys
import time

_began = time.monotonic()


class Trouble(Exception):
    """The storm itself cannot go on; the message says why and what to do."""


def say(text: str) -> None:
    """One line for whoever watches, with the seconds since the start."""
    sys.stderr.write(f"{time.monotonic() - _began:6.1f} s  {text}\n")
    sys.stderr.flush()
