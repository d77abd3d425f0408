"""What `init` puts into a repository: the layout, a sample project, roles, and a guide for people and agents."""

from collections.abc import Mapping
from pathlib import Path

from paddock.gitnative import layouts, toon
from paddock.gitnative.checkout import write

GUIDE = "AGENTS.md"
_BEGIN, _END = "<!-- paddock git: begin -->", "<!-- paddock git: end -->"
_SECTION = f"""\
{_BEGIN}
## Working on tasks

Tasks are files: `.agents/projects/<project>/tasks/TASK-001.toon`. Commands claim and complete them; never move,
edit or mark a task by hand, and never announce a claim in a commit of your own.

| to | run |
|---|---|
| see what there is | `paddock git dashboard` |
| take the most urgent task | `paddock git claim AGENT [PROJECT]`; exit 0 claimed, 1 nothing ready, 2 lost every race |
| keep it for as long as a command runs | `paddock git claim AGENT --hold -- COMMAND` |
| say that you still work on it | `paddock git beat TASK-001 AGENT` at least every ten minutes |
| give it back | `paddock git release TASK-001 AGENT` |
| finish it | `paddock git complete TASK-001 AGENT --pr URL` |
| hold the files against the schema | `paddock git check` |

Work begins when `claim` has ended with 0, not before: until then somebody else may have the task. When `beat` or
`complete` says that the claim is lost, stop: another agent has the task now.

Roles, one file each in `.agents/roles/`: a product owner writes the project file, an architect cuts it into tasks, an
engineer works on one task at a time, a reviewer looks at the result.
{_END}
"""
_ROLES: Mapping[str, Mapping[str, object]] = {
    "product-owner": {
        "title": "Product owner",
        "reads": ["goals, issues"],
        "writes": [".agents/projects/<project>.toon"],
        "duties": ["stories with criteria that can be measured", "constraints", "what is out of scope"],
        "commits": "[PO]",
    },
    "architect": {
        "title": "Architect",
        "reads": [".agents/projects/<project>.toon"],
        "writes": [".agents/projects/<project>/architecture.toon", ".agents/projects/<project>/tasks/"],
        "duties": [
            "tasks of four to eight hours, each with an id of its own",
            "dependencies as ids, without circles: `paddock git check` must pass",
            "priority 1 to 10; what others wait for is taken as urgent as they are",
        ],
        "commits": "[ARCH]",
    },
    "engineer": {
        "title": "Engineer",
        "reads": ["one claimed task"],
        "writes": ["code and tests on a branch of its own"],
        "duties": ["claim, work, complete; beat at least every ten minutes", "every acceptance criterion, with a test"],
        "commits": "TASK-001: Say what it does",
    },
    "reviewer": {
        "title": "Reviewer",
        "reads": ["a pull request"],
        "writes": ["a review"],
        "duties": ["acceptance criteria, tests, security, speed, documentation", "approve or ask for changes"],
        "commits": "",
    },
}


def sample_task(project: str, task: str, title: str, needs: list[str]) -> dict[str, object]:
    """A task document with every section that agents and people ask for."""
    return {
        "task": {
            "id": task,
            "project": project,
            "title": title,
            "type": "docs",
            "priority": 5,
            "status": "blocked" if needs else "ready",
        },
        "description": {"summary": title, "details": f"{title}.\nOne line in a file of its own is enough."},
        "acceptance_criteria": ["The file exists", "It says who wrote it"],
        "dependencies": {"required": needs, "blocks": []},
        "context": {"files_to_create": [f"notes/{task}.md"], "files_to_modify": [], "related_docs": []},
        "metadata": {"created_by": "paddock", "estimated_hours": 1, "complexity": "low"},
    }


def init(top: Path, project: str, *, protocol: str, branch: str) -> list[str]:
    """Writes what is not there yet, and the guide's section anew; returns the paths that were written."""
    base = f".agents/projects/{project}"
    first = sample_task(project, "TASK-001", "Write a first note", [])
    second = sample_task(project, "TASK-002", "Write a second note", ["TASK-001"])
    told = {"project": {"id": project, "title": project, "goals": ["Say what this project is for"], "constraints": []}}
    files: dict[str, object] = {
        layouts.CONFIG: {"coordination": {"protocol": protocol, **({"branch": branch} if branch else {})}},
        f"{base}.toon": told,
        **{f".agents/roles/{name}.toon": {"role": {"id": name, **role}} for name, role in _ROLES.items()},
    }
    if not (top / base).is_dir():
        files |= {f"{base}/tasks/TASK-001.toon": first, f"{base}/tasks/TASK-002.toon": second}
        files[f"{base}/tasks/{layouts.KEEP}"] = None
    written = []
    for path, value in files.items():
        if not (top / path).exists():
            write(top / path, "" if value is None else toon.dumps(value))
            written.append(path)
    return [*written, *_guide(top)]


def _guide(top: Path) -> list[str]:
    path = top / GUIDE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begins, rest = text.partition(_BEGIN)
    after = rest.partition(_END + "\n")[2] if begins else ""
    parted = before.rstrip("\n") + "\n\n" if before.strip() else ""
    made = f"{parted}{_SECTION}{after}"
    if made == text:
        return []
    write(path, made)
    return [GUIDE]
