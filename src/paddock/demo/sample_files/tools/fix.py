#!/usr/bin/env python3
"""Fixes one bug: `python3 tools/fix.py BUG-07` reads bugs/BUG-07.md, edits the file it names and says what it does."""

import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def say(text, pause):
    """Prints a line and takes the time that reading or typing takes."""
    print(text, flush=True)
    time.sleep(pause)


def field(ticket, name):
    """The value of a `Name: value` line of the ticket, or an empty string."""
    found = [line for line in ticket.splitlines() if line.startswith(name + ":")]
    return found[0].partition(":")[2].strip() if found else ""


def patch(ticket):
    """The lines to find and the lines to put in their place."""
    lines = ticket.split("```diff\n")[1].split("```")[0].splitlines()
    old = [line[1:] for line in lines if line[0] in "- "]
    new = [line[1:] for line in lines if line[0] in "+ "]
    return old, new, lines


def place(text, old):
    """The index of the line where the block `old` starts; the block must stand in the text exactly once."""
    lines = text.splitlines()
    found = [at for at in range(len(lines)) if lines[at : at + len(old)] == old]
    if len(found) != 1:
        sys.exit("fix: the code that the ticket shows stands in the file %d times" % len(found))
    return found[0]


def main(name):
    path = ROOT / "bugs" / (name + ".md")
    if not path.is_file():
        sys.exit("fix: there is no ticket %s" % name)
    ticket = path.read_text(encoding="utf-8")
    pause = 0.12 + 0.06 * (sum(map(ord, name)) % 4)
    say("reading bugs/%s.md" % name, pause)
    say(ticket.splitlines()[0].lstrip("# "), pause)
    target = ROOT / field(ticket, "File")
    text = target.read_text(encoding="utf-8")
    say("opening %s, %d lines" % (field(ticket, "File"), len(text.splitlines())), pause)
    old, new, shown = patch(ticket)
    at = place(text, old)
    say("editing line %d" % (at + 1), pause)
    for line in shown:
        say("  " + line, 0.02)
    lines = text.splitlines()
    lines[at : at + len(old)] = new
    fixed = "\n".join(lines) + "\n"
    compile(fixed, str(target), "exec")
    target.write_text(fixed, encoding="utf-8")
    say("saved %s" % field(ticket, "File"), pause)
    print("done: %s should pass now" % field(ticket, "Test"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 tools/fix.py BUG-nn")
    main(sys.argv[1])
