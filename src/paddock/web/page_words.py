"""The journal in words: one sentence per type of event."""

from collections.abc import Iterable, Mapping
from typing import Any

# {job} and {agent} are names, the rest are fields of the event's data; a field that is not there reads as nothing.
SENTENCES: Mapping[str, str] = {
    "agent.activated": "agent {agent} joined the fleet",
    "agent.draining": "agent {agent} drains: it takes no more jobs",
    "agent.drifted": "the host of agent {agent} has changed a little: {changed}",
    "agent.healthy": "agent {agent} is well again",
    "agent.lifted": "{by} let agent {agent} work again",
    "agent.quarantined": "agent {agent} is in quarantine: {reason}",
    "agent.resumed": "agent {agent} takes jobs again",
    "agent.terminated": "{by} stopped agent {agent} for good, {reason}",
    "agent.unhealthy": "agent {agent} is not well and takes no new jobs: {check}, {detail}",
    "anomaly.raised": "anomaly about agent {agent}: {type}",
    "anomaly.resolved": "{by} resolved an anomaly about agent {agent} ({type}), {note}",
    "api_token.minted": "{by} minted the API token {label} of {person} ({scopes})",
    "api_token.revoked": "{by} revoked the API token {label} of {person}",
    "attempt.cancelled": "{job}: {agent} stopped attempt {epoch}",
    "attempt.done": "{job}: {agent} finished attempt {epoch}",
    "attempt.failed": "{job}: attempt {epoch} on {agent} failed ({code})",
    "attempt.lost": "{job}: {agent} was lost during attempt {epoch}",
    "attempt.refused": "{job}: {agent} refused attempt {epoch} ({code})",
    "attempt.returned": "{job}: {agent} handed attempt {epoch} back ({code})",
    "attempts.done": "{agent} finished {count} jobs",
    "budget.set": "{by} set the budget of {project}",
    "budget.used_up": "the budget of {project} is used up: {reason}",
    "cancel.delivered": "{job}: {agent} got the order to stop",
    "cancel.requested": "{job}: asked to stop",
    "change.approve": "{job}: {by} approved the change",
    "change.approved": "{job}: the change goes to the merge queue",
    "change.ask": "{job}: {by} asks for changes, {note}",
    "change.conflicted": "{job}: the change does not merge, {reason}",
    "change.comment": "{job}: {by} said of the change: {note}",
    "change.fixed": "{job}: a fix moved the change to {head}",
    "change.fixed_late": "{job}: a fix came when the change was {state}, and was not taken",
    "change.merged": "{job}: the change was merged",
    "change.merged_late": "{job}: its branch moved although the change is {state}",
    "change.open": "{job}: the change is open again, {reason}",
    "change.opened": "{job}: proposes a change on {branch}",
    "change.red": "{job}: the change is red, {reason}",
    "change.reject": "{job}: {by} rejected the change, {note}",
    "change.rejected": "{job}: the change is closed, {reason}",
    "change.rerun": "{job}: {by} has its checks and reviews run again",
    "change.said": "{job}: what was said of the change stands on its forge, {url}",
    "change.shown": "{job}: the change is shown on its forge, {url}",
    "change.superseded": "{job}: the change is replaced",
    "change.withdraw": "{job}: {by} took the approval back",
    "checks.green": "{job}: the checks are green",
    "checks.red": "{job}: the checks are red",
    "finding.dismissed": "{job}: {by} dismissed {what}, {note}",
    "finding.filed": "{job}: a finding is filed on its forge, {url}",
    "finding.reopened": "{job}: {by} opened {what} again, {note}",
    "forge.removed": "{by} no longer shows changes of {project} on a forge",
    "forge.set": "{by} shows changes of {project} on {kind}, {repo}",
    "job.blocked": "{job} waits for other jobs",
    "job.cancelled": "{job} is cancelled",
    "job.changes_requested": "{job} goes back to work, {reason}",
    "job.done": "{job} is done",
    "job.failed": "{job} failed, {reason}",
    "job.in_review": "{job} waits for review",
    "job.leased": "{job}: {agent} took attempt {epoch}",
    "job.parked": "{job} is parked, {reason}",
    "job.prioritised": "{job} has priority {priority}",
    "job.ready": "{job} is ready",
    "job.refused": "{job} was refused, {reason}",
    "job.submitted": "{job} was submitted to {project}",
    "jobs.bulk": "{by} asked to {action} {count} jobs",
    "jobs.leased": "{agent} took {count} jobs",
    "jobs.submitted": "{count} jobs were submitted to {project}",
    "keys.ended": "{by} ended the former keys: {roles}",
    "keys.rotated": "{by} rotated the keys: {roles}",
    "leases.forgiven": "{leases} leases were drawn out, for nobody could renew them for {unkept_ms} ms",
    "lease.stale": "{job}: {agent} no longer holds it and was told to stop",
    "secret.removed": "{by} removed the secret {secret} of {project}",
    "secret.set": "{by} set the secret {secret} of {project}",
    "licence.removed": "{by} removed the licence {licence}",
    "licence.set": "{by} set the licence {licence} ({plan}): {max_agents} agents, {max_tasks} jobs each (0: any)",
    "limit.removed": "the limit {limit} was removed",
    "limit.set": "the limit {limit} was set",
    "login.locked": "{tries} tries to log in have failed ({key}); the next must wait {seconds} s",
    "log.stale": "{job}: output of an attempt that is over was not taken",
    "merge.together": "{job}: merges {others} together with its own change",
    "outcome.stale": "{job}: a late outcome of {agent} was not taken",
    "person.added": "{person} was added as {role}",
    "person.disabled": "{person} may no longer log in",
    "person.enabled": "{person} may log in again",
    "person.link": "{person} was given a link to set a password",
    "person.login": "{by} logged in from {address}",
    "person.logout": "{person} was logged out",
    "person.password": "{person} has set a password",
    "person.role": "{person} is {role} now, and was {before}",
    "prices.set": "{by} set the prices of models for {project}",
    "project.added": "project {project} was added",
    "project.paused": "{by} paused project {project}, {note}",
    "project.resumed": "{by} resumed project {project}",
    "project.weighed": "project {project} has the share {weight}",
    "review.caught_up": "changes of {project} no longer wait too long: its jobs start as before",
    "review.ended": "{job}: a review found {found} and missed {fixed} that were there before",
    "review.round": "{job}: round {round} gives {findings} findings to fixers",
    "review.rules": "{by} set how changes of {project} are reviewed",
    "review.slowed": "a change of {project} waits for {seconds} s: {most} of its jobs run at a time",
    "report.filed": "agent {agent} asks for help, with {lines} lines of its log",
    "schedule.added": "schedule {schedule} was added to {project}",
    "schedule.fired": "schedule {schedule} submitted batch {batch}",
    "schedule.paused": "{by} paused schedule {schedule}",
    "schedule.removed": "{by} removed schedule {schedule}",
    "schedule.resumed": "{by} resumed schedule {schedule}",
    "schedule.skipped": "schedule {schedule} submitted nothing, {reason}",
    "session.started": "agent {agent} started (version {version})",
    "state.deleted": "an operator deleted {key} of the {space} {owner}",
    "state.refused": "{job}: {agent} no longer holds it, and nothing of its state was touched",
    "state.set": "an operator set {key} of the {space} {owner}",
    "token.minted": "an activation token was made, {label}",
    "token.refused": "an activation token was refused ({why})",
    "token.revoked": "{by} revoked an activation token, {label}",
    "topic.refused": "{job}: {agent} no longer holds it, and nothing of what it said was published",
    "wip.kept": "{job}: {agent} saved the work of attempt {epoch}",
}


class _Fields(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def sentence(event: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What an event says; `names` are those of jobs and agents by id."""
    fields = _Fields({key: str(value) for key, value in event["data"].items() if value is not None})
    job, agent = event["job"], event["agent"]
    fields["job"] = names.get(job or "") or fields["name"] or job or ""
    fields["agent"] = agent or fields["name"]
    form = SENTENCES.get(event["type"], "{job} {agent} " + event["type"].replace("{", "(").replace("}", ")"))
    told: str = form.format_map(fields)
    if fields["by"] and "{by}" not in form:
        told += f" (by {fields['by']})"
    return told.replace(" ()", "").strip().removesuffix(",")


def told(events: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Events, the latest first, each with its sentence."""
    return [{**event, "words": sentence(event, names)} for event in reversed(list(events))]
