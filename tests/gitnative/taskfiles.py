"""Task files for tests."""

from collections.abc import Mapping, Sequence

from paddock.gitnative import toon

# The older dialect: one blank, bare items, `|` before texts of several lines.
DIALECT = """\
task:
 id: TASK-025
 project: shop
 title: Deploy: staging first, then production
 type: infrastructure
 priority: 3
 status: blocked

description:
 summary: Create the servers
 details: |
  Set up in this order:
  - network (free tier: 5GB)
   * with a note
  - storage

  Then wait.

acceptance_criteria[2]:
 Error rate > 1% pages somebody
 unit: 85%+ coverage

dependencies:
 required[2]:
  TASK-001
  TASK-002
 blocks[0]:

context:
 files_to_create[1]:
  .github/workflows/deploy.yml

metadata:
 created_by: architect-agent
 created_at: 2025-11-17T18:05:00Z
 estimated_hours: 20
 complexity: high

notes: |
 Free text
"""


def task_text(
    name: str = "TASK-001",
    *,
    project: str = "shop",
    needs: Sequence[str] = (),
    priority: int = 5,
    status: str = "",
    **more: Mapping[str, object] | str,
) -> str:
    """A task file; `more` are further sections, or fields of `task` when they are texts."""
    head: dict[str, object] = {"id": name, "project": project, "title": f"Do {name}", "type": "feature"}
    head |= {"priority": priority, "status": status or ("blocked" if needs else "ready")}
    head |= {key: value for key, value in more.items() if isinstance(value, str)}
    sections = {key: value for key, value in more.items() if not isinstance(value, str)}
    return toon.dumps({"task": head, "dependencies": {"required": list(needs), "blocks": []}, **sections})


def path_of(name: str, project: str = "shop", folder: str = "tasks") -> str:
    """Where a task lies in the layout that `init` makes."""
    return (
        f".agents/projects/{project}/tasks/{name}.toon"
        if folder == "tasks"
        else f".agents/{folder}/{project}/{name}.toon"
    )
