"""`paddock git`: a fleet with nothing but a git remote."""

import argparse
from collections.abc import Callable
from importlib import import_module

from paddock.cli import args

EXAMPLE = """\
paddock git init
paddock git claim agent-1
paddock git complete TASK-001 agent-1 --pr https://forge.example/pull/7
paddock git add drafts/TASK-011.toon
paddock git check
paddock git beat TASK-011 agent-7
paddock git release TASK-011 agent-7
paddock git settle
paddock git merge develop-auth
paddock git unblock
paddock git dashboard --watch
paddock git log --task TASK-011"""

# part → what it does, and the module that knows its flags and does it, with a function of the part's name.
PARTS: dict[str, tuple[str, str]] = {
    "init": ("put the layout, a sample project and a guide into a repository", "git_files"),
    "add": ("add task files to the work tree, all or none", "git_files"),
    "check": ("hold the task files against the schema and each other", "git_files"),
    "claim": ("take the most urgent task", "git_work"),
    "beat": ("renew a claim", "git_work"),
    "complete": ("complete a task", "git_work"),
    "release": ("give a task back", "git_work"),
    "release-stalled": ("end claims that nobody renews", "git_look"),
    "settle": ("fold completed tasks into the files of the branch", "git_look"),
    "merge": ("merge the branches of projects into the repository's own", "git_look"),
    "unblock": ("open the tasks in the files whose needs are done", "git_files"),
    "dashboard": ("tasks, agents and figures at a glance", "git_look"),
    "log": ("what happened, losses included", "git_look"),
}


def main(verb: str, words: list[str]) -> int:
    """Does one part."""
    # What stands behind `--` is a command's, and no word of ours.
    at = words.index("--") if "--" in words else len(words)
    words, command = words[:at], words[at + 1 :]
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    for name, (about, module) in PARTS.items():
        part = args.for_part(parts, name, about, _act(module, name))
        # Only the part that is asked for is imported.
        if name in words:
            import_module(f"paddock.cli.{module}").flags(name, part)
    found = args.read(parser, words)
    found.command = command
    return int(found.act(found))


def _act(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    def act(found: argparse.Namespace) -> int:
        return int(getattr(import_module(f"paddock.cli.{module}"), name.replace("-", "_"))(found))

    return act
