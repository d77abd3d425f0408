"""Where tasks lie in a repository: the layouts that are read, and what a path in one of them says."""

import re
from dataclasses import dataclass

OPEN, CLAIMED, COMPLETED = "tasks", "claimed", "completed"
# How far a task has come; of two files for one task the later one tells the truth.
ORDER = (OPEN, CLAIMED, COMPLETED)
ROOTS = (".agents", ".agents-core/state", "state")
CONFIG = ".agents/paddock.toon"

# Keeps a folder there that has no task left: of one that went away git believes that it was renamed, and moves what
# others add to it.
KEEP = ".gitkeep"
_FOLDERS = "tasks|claimed|completed"
_LEAF = r"(?P<task>[^/]+)\.toon"
# The first that fits decides. `projects` holds the open tasks of a layout whose other folders stand beside it.
_LAYOUTS = (
    ("projects", re.compile(rf"\.agents/projects/(?P<project>[^/]+)/(?P<folder>tasks)/{_LEAF}")),
    ("projects", re.compile(rf"\.agents/(?P<folder>claimed|completed)/(?P<project>[^/]+)/{_LEAF}")),
    ("flat", re.compile(rf"\.agents/(?P<folder>{_FOLDERS})/{_LEAF}")),
    ("state", re.compile(rf"(?P<root>(?:\.agents-core/)?state)/(?P<project>[^/]+)/(?P<folder>{_FOLDERS})/{_LEAF}")),
    ("agents", re.compile(rf"\.agents/(?P<project>[^/]+)/(?P<folder>{_FOLDERS})/{_LEAF}")),
)


@dataclass(frozen=True)
class Place:
    """What a path says of the task in it; `project` is empty where the layout names none."""

    layout: str
    root: str
    project: str
    folder: str
    task: str

    def path(self, folder: str) -> str:
        """Where the same task lies in another folder of its layout."""
        leaf = f"{self.task}.toon"
        if self.layout == "flat":
            return f".agents/{folder}/{leaf}"
        if self.layout == "state":
            return f"{self.root}/{self.project}/{folder}/{leaf}"
        if self.layout == "agents":
            return f".agents/{self.project}/{folder}/{leaf}"
        if folder == OPEN:
            return f".agents/projects/{self.project}/tasks/{leaf}"
        return f".agents/{folder}/{self.project}/{leaf}"


def place_of(path: str) -> Place | None:
    """What a path says, or None when no task lies there."""
    for layout, pattern in _LAYOUTS:
        found = pattern.fullmatch(path)
        if found:
            names = found.groupdict()
            root, project = names.get("root") or ".agents", names.get("project") or ""
            return Place(layout, root, project, names["folder"], names["task"])
    return None


def new_place(project: str, task: str) -> Place:
    """Where a new task goes."""
    return Place("projects", ".agents", project, OPEN, task)
