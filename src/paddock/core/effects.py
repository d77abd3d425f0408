"""What an outcome does beyond its own job: changes opened, evidence kept, changes merged or sent back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paddock.core.states import ChangeState


@dataclass(frozen=True, kw_only=True)
class RecordEvidence:
    """The checks ran on a tree."""

    change: str
    head: str
    tree: str
    green: bool
    checks: list[Any]


@dataclass(frozen=True, kw_only=True)
class SendBack:
    """A change cannot go on as it is; its job tries again on the present base while it has tries left."""

    change: str
    state: ChangeState
    reason: str
    # The branch that it conflicts with and the files in which it does; empty for another reason.
    onto: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The branch moved to a commit that holds the change."""

    change: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Batched:
    """So many changes were tested together; `red` when one of them kept the branch where it was."""

    change: str
    size: int
    red: bool


@dataclass(frozen=True, kw_only=True)
class RecordReview:
    """Reviewers looked at a head; `more` counts findings that are not told."""

    change: str
    head: str
    reviewers: object
    findings: object
    more: object


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A fixer's commit is the change's head now, as `report` tells; `was` is the one it stands on."""

    change: str
    was: str
    report: object


@dataclass(frozen=True, kw_only=True)
class GoOn:
    """A fixer had its turn; the change asks for what is next."""

    change: str


Effect = RecordEvidence | SendBack | Merged | Batched | RecordReview | Fixed | GoOn


def effects(kind: str, payload: Mapping[str, Any], status: str, code: str, result: Mapping[str, Any]) -> list[Effect]:
    """The effects of one outcome of a system job; other kinds have none here."""
    change = str(payload.get("change", ""))
    if change and kind in ("review.run", "change.fix", "change.resolve"):
        return _review_effects(kind, change, payload, status, result)
    if not change or kind not in ("test.run", "change.merge"):
        return []
    out: list[Effect] = []
    if result.get("checks"):
        out.append(
            RecordEvidence(
                change=change,
                head=str(result.get("commit", "")),
                tree=str(result.get("tree", "")),
                green=bool(result.get("green")),
                checks=list(result["checks"]),
            )
        )
    if kind == "test.run" and status == "done" and not result.get("green"):
        out.append(SendBack(change=change, state=ChangeState.RED, reason=_why_red(result)))
    if kind == "change.merge":
        out.extend(_merge_effects(change, payload, status, code, result))
    return out


def _review_effects(
    kind: str, change: str, payload: Mapping[str, Any], status: str, result: Mapping[str, Any]
) -> list[Effect]:
    if kind != "review.run":
        if status != "done" or not result.get("report"):
            return [GoOn(change=change)]
        return [Fixed(change=change, was=str(payload.get("commit", "")), report=result["report"])]
    if status != "done":
        return []
    head = str(result.get("commit", ""))
    reviewers, findings, more = (result.get(name) for name in ("reviewers", "findings", "more"))
    return [RecordReview(change=change, head=head, reviewers=reviewers, findings=findings, more=more)]


def _merge_effects(
    change: str, payload: Mapping[str, Any], status: str, code: str, result: Mapping[str, Any]
) -> list[Effect]:
    # Only those that the order named: what else an agent tells of is none of its business.
    together = [str(one.get("change")) for one in payload.get("with") or ()]
    told: list[Effect] = []
    if (status == "done" or code == "red") and not result.get("already"):
        size = 1 + len([one for one in together if one not in (result.get("left") or ())])
        told.append(Batched(change=change, size=size, red=code == "red" or bool(result.get("red"))))
    if status == "done":
        took = result.get("took") or {}
        red = result.get("red") or {}
        told += [Merged(change=one, commit=str(took[one])) for one in (change, *together) if one in took]
        told += [] if change in took else [Merged(change=change, commit=str(result.get("merged", "")))]
        if red.get("change") in together:
            reason = f"the merged result: {_why_red(red)}"
            told.append(SendBack(change=str(red["change"]), state=ChangeState.RED, reason=reason))
        return told
    if code == "conflict":
        paths = tuple(str(path) for path in result.get("paths", []))
        why = f"conflicts in {', '.join(paths[:5])}"
        onto = str(payload.get("branch", ""))
        return [SendBack(change=change, state=ChangeState.CONFLICTED, reason=why, onto=onto, paths=paths)]
    if code == "red":
        told.append(SendBack(change=change, state=ChangeState.RED, reason=f"the merged result: {_why_red(result)}"))
    return told


def _why_red(result: Mapping[str, Any]) -> str:
    for check in result.get("checks", []):
        if check.get("missing"):
            return f"accepted tests that did not pass: {', '.join(check['missing'][:3])}"
        if not check.get("green"):
            worse = check.get("worse") or []
            names = f": {', '.join(worse[:3])}" if worse else ""
            return f"{' '.join(check.get('argv', [])[:4])} exits {check.get('exit_code')}{names}"
    return "the checks are red"
