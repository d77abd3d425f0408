"""Defects of six kinds: how each is planted, who finds it, how it is mended or only seems to be, and whether it stands.

Whether one stands is read off the files themselves, by a mark of its own, and never asked of Paddock.
"""

import json
import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.repos import Repo

PROJECT = "planted"
# Files of main before any change; ruff's rules are those of the base.
CLEAN = {
    "README.md": "# A shop\n",
    "pyproject.toml": '[tool.ruff.lint]\nselect = ["F401", "S602"]\n',
    "src/app.py": "def total(prices):\n    return sum(prices)\n",
}
CHECKS = [
    ["python3", "-c", "import ast, pathlib; [ast.parse(p.read_bytes()) for p in pathlib.Path('src').glob('*.py')]"]
]
BULK_LINES = 240
EACH = 3  # defects of one change


@dataclass(frozen=True)
class Kind:
    """`path`, `text` and `mark` have {n} for the defect's number; the mark stands in its text or is its path."""

    name: str  # of its finding: reviewer/rule
    path: str
    mark: str
    text: str
    # Whether the finding is about the whole change and names no file.
    whole: bool = False


KINDS = (
    Kind("secrets/aws-key", "src/key_{n}.py", "{key}", 'import os\n\nKEY = "{key}"\nREGION = os.environ["REGION"]\n'),
    Kind("paths/forbidden", "infra/site-{n}.tf", "infra/site-{n}.tf", "site {n}\n"),
    Kind("size/lines", "vendor/bulk-{n}.txt", "vendor/bulk-{n}.txt", "copied {n}\n" * BULK_LINES, whole=True),
    Kind("ruff/F401", "src/dead_{n}.py", "import json as unused_{n}", "import json as unused_{n}\n\nDEAD = True\n"),
    Kind(
        "ruff/S602",
        "src/call_{n}.py",
        "run(command_{n}, shell=True",
        "import subprocess\n\n\ndef call(command_{n}):\n    subprocess.run(command_{n}, shell=True, check=True)\n",
    ),
    Kind(
        "lens/leak",
        "src/read_{n}.py",
        "text_{n} = open(path)",
        "def read(path):\n    text_{n} = open(path).read()\n    return text_{n}\n",
    ),
)


@dataclass(frozen=True)
class Defect:
    """One planted defect of one change; `hard` ones are beyond the fixer."""

    kind: Kind
    path: str
    mark: str
    text: str
    hard: bool

    def stands(self, files: Mapping[str, str]) -> bool:
        """Whether it is in these files, wherever it may have gone."""
        return any(self.mark in path or self.mark in text for path, text in files.items())

    def is_told_by(self, finding: Mapping[str, Any]) -> bool:
        """Whether a finding of its change is about it."""
        told: bool = finding["name"] == self.kind.name and (self.kind.whole or finding["path"] == self.path)
        return told


def plant(dice: random.Random, count: int) -> list[list[Defect]]:
    """So many defects, three to a change and no two of a kind in one; every tenth is hard."""
    hard = set(dice.sample(range(count), count // 10))
    kinds: list[Kind] = []
    while len(kinds) < count:
        kinds += dice.sample(KINDS, len(KINDS))
    made = [_defect(dice, kind, number, number in hard) for number, kind in enumerate(kinds[:count])]
    return [made[at : at + EACH] for at in range(0, count, EACH)]


def _defect(dice: random.Random, kind: Kind, number: int, hard: bool) -> Defect:
    key = "AKIA" + "".join(dice.choices(string.ascii_uppercase + string.digits, k=16))
    path, mark, text = (
        part.replace("{n}", f"{number:02}").replace("{key}", key) for part in (kind.path, kind.mark, kind.text)
    )
    return Defect(kind, path, mark, text, hard)


_WRITE = """
import json, pathlib, sys
for name, text in json.loads(sys.argv[1]).items():
    path = pathlib.Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
"""


def job(name: str, defects: Sequence[Defect]) -> dict[str, Any]:
    """A job that writes something good, and these defects."""
    files = {f"src/{name}.py": f'NAME = "{name}"\n'} | {one.path: one.text for one in defects}
    return {"id": name, "payload": {"argv": ["python3", "-c", _WRITE, json.dumps(files)], "message": f"Add {name}"}}


# A reviewer of the project's own: files that are opened and never closed.
_LENS = r"""
import json, pathlib, sys
found = [
    {"rule": "leak", "path": str(path), "line": at, "severity": "medium", "message": "a file that nobody closes"}
    for path in sorted(pathlib.Path("src").glob("*.py"))
    for at, text in enumerate(path.read_text().splitlines(), 1) if " = open(" in text
]
pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
"""
# Mends, or does nothing, or writes something that mends nothing; and says each time that it is done.
_FIXER = r"""
import json, pathlib, random, re, sys
told, seed, right, hard = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]

def line(change):
    def edit(path, at):
        lines = path.read_text().splitlines()
        lines[at - 1] = change(lines[at - 1])
        path.write_text("".join(one + "\n" for one in lines))
    return edit

def gone(path, at):
    path.unlink()

def shorter(path, at):
    path.write_text("".join(path.read_text().splitlines(True)[:-3]))

WAYS = {
    "aws-key": (line(lambda s: re.sub('"AKIA.*"', 'os.environ["KEY"]', s)), line(lambda s: "MY_" + s)),
    "forbidden": (gone, lambda path, at: path.write_text(path.read_text() + "# allowed\n")),
    "lines": (gone, shorter),
    "F401": (line(lambda s: ""), line(lambda s: s + "  # noqa: F401")),
    "S602": (line(lambda s: s.replace(", shell=True", "")), line(lambda s: s + "  # noqa: S602")),
    "leak": (line(lambda s: s.replace("open(path).read()", "path.read_text()")), line(lambda s: s + "  # closed")),
}
did = {"mended": 0, "nothing": 0, "sham": 0}
for one in json.loads(pathlib.Path(told).read_text()):
    path = pathlib.Path(one["path"]) if one["path"] else next(pathlib.Path("vendor").glob("*.txt"))
    mend, sham = WAYS[one["rule"]]
    dice = random.Random(f"{seed} {path} {one['times']} {path.read_text()}")
    lucky, idle = dice.random() < right and str(path) not in hard, dice.random() < 0.5
    did["mended" if lucky else "nothing" if idle else "sham"] += 1
    if lucky or not idle:
        (mend if lucky else sham)(path, one["line"])
    print("mended", one["id"], path)
print("all mended")
print("did " + json.dumps(did))
"""


def rules(seed: int, right: float, hard: Sequence[str]) -> dict[str, Any]:
    """Five reviewers that are built in, a lens, and two fixers, one of which takes what is in the code."""
    argv = ["python3", "-c", _FIXER, "{findings}", str(seed), f"{right:.4f}", *hard]
    return {
        "reviewers": ["secrets", "size", "paths", "conflicts", "ruff"],
        "tools": [{"name": "lens", "argv": ["python3", "-c", _LENS, "{findings}"]}],
        "forbidden": ["infra/**"],
        "most_lines": 100,
        "fixers": [{"argv": argv, "findings": ["ruff/*", "lens/*"], "requires": ["python"]}, {"argv": argv}],
    }


def files_of(repo: Repo, commit: str) -> dict[str, str]:
    """Every file of a commit, path → text."""
    names = repo.git("ls-tree", "-r", "--name-only", commit).splitlines()
    return {name: repo.show(name, commit) for name in names}
