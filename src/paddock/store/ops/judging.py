"""What people say of reviews: a project's rules, and findings that need not be fixed."""

from paddock.core.errors import BadInput, Conflict, NotFound
from paddock.core.findings import FindingState
from paddock.core.reviewing import Rules
from paddock.core.states import OPEN_CHANGES
from paddock.store.ops import changing
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work, record, to_json
from paddock.store.reviews import Finding
from paddock.store.statements import Tx


def set_rules(work: Work, project: str, rules: Rules, by: str) -> None:
    """Sets how a project's changes are reviewed, open ones too. Raises: NotFound."""
    find_project(work.tx, project)
    work.tx.run(
        "set_review_rules",
        project=project,
        rules=to_json(rules),
        by=by,
        now=work.now,
        slow_after=rules.slow_after,
        slow_to=rules.slow_to,
    )
    work.journal("review.rules", project=project, by=by)
    for row in work.tx.all("open_changes"):
        if row["project"] == project:
            changing.advance(work, row["id"])


def find(tx: Tx, ref: str) -> Finding:
    """The finding with this id, or the only one whose id begins so.

    Raises: NotFound, BadInput for a beginning that several have.
    """
    row = tx.one("finding", id=ref)
    rows = [row] if row else tx.all("findings_like", low=ref, high=f"{ref}~") if len(ref) > 1 else []
    if not rows:
        raise NotFound(f"no finding {ref!r}", hint="`paddock findings list` lists them")
    if len(rows) > 1:
        raise BadInput(f"several findings begin with {ref!r}", hint="give more of the id")
    return record(Finding, rows[0])


def judge(work: Work, ref: str, state: FindingState, by: str, note: str) -> Finding:
    """A person dismisses an open finding, or opens a dismissed one again; then the change goes on.

    Raises: NotFound, Conflict when the finding is not in the state that this ends.
    """
    finding = find(work.tx, ref)
    old = FindingState.OPEN if state is FindingState.DISMISSED else FindingState.DISMISSED
    if not work.tx.run("judge_finding", id=finding.id, old=old, state=state, by=by, note=note, now=work.now):
        raise Conflict(f"finding {finding.id} is {finding.state}", hint=f"only one that is {old} can become {state}")
    told = "finding.dismissed" if state is FindingState.DISMISSED else "finding.reopened"
    work.journal(told, finding.author, change=finding.change, finding=finding.id, what=finding.name, by=by, note=note)
    if work.change(finding.change).state in OPEN_CHANGES:
        changing.advance(work, finding.change)
    return find(work.tx, finding.id)
