"""`paddock submit`: jobs from a batch file, or one job from flags."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import Api
from paddock.cli.batch_file import BatchFile, read
from paddock.cli.watch import Watch
from paddock.core.errors import BadInput
from paddock.core.job import parse_batch, settle
from paddock.core.states import JobState

EXAMPLE = """\
paddock submit jobs.yaml --wait
paddock submit --project shop --id fix-7 --write 'src/**' -- python3 tools/fix.py 7"""
_ONE_JOB = ("id", "kind", "write", "requires", "priority", "job_timeout", "accept", "message")
_TWIN = "  (there already: a job with its unique key has not ended)"
_MORE = ("label", "limit", "unique", "exclusive", "not_before")


def main(verb: str, words: list[str]) -> int:
    """Submits; with --wait the exit code is 1 when any job did not end well."""
    ours, argv = _cut(words)
    parser = _parser(verb)
    found = args.read(parser, ours)
    found.argv = argv
    one = argv or any(getattr(found, name) not in (None, []) for name in (*_ONE_JOB, *_MORE))
    if found.file and one:
        raise BadInput("either a batch file or one job by flags, not both", hint="paddock help submit")
    if not found.file and not one:
        raise BadInput("there is nothing to submit", hint="name a batch file, or give --project, --id and -- argv")
    batch = read(found.file) if found.file else None
    if batch and found.project:
        batch.body["project"] = found.project
    body = _checked(batch) if batch else _one_job(found)
    api = args.api_of(found)
    answer = _send(api, body, batch)
    if not found.json:
        out.line(f"batch {answer['batch']}: {_count(answer['jobs'])}")
        for job in [] if found.wait else answer["jobs"][:20]:
            out.line(f"  {job['id']}  {job['name']}{_TWIN if job.get('duplicate') else ''}")
    elif not found.wait:
        out.dump(answer)
    return _wait(api, found, answer) if found.wait else 0


def _cut(words: list[str]) -> tuple[list[str], list[str]]:
    """The words for us, and the job's argv behind the first `--`."""
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser(verb: str) -> args.Parser:
    parser = args.for_verb(verb, EXAMPLE, usage="paddock submit FILE | --project P --id X [FLAGS] -- ARGV...")
    parser.add_argument("file", nargs="?", metavar="FILE", help="a batch in YAML, JSON or TOON; - for stdin")
    parser.add_argument("--project", help="the project, in place of the batch's own")
    parser.add_argument("--wait", action="store_true", help="show progress until every job has ended")
    parser.add_argument("--timeout", type=args.seconds, metavar="S", help="with --wait: give up after S seconds")
    one = parser.add_argument_group("one job by flags")
    one.add_argument("--id", metavar="NAME", help="its name")
    one.add_argument("--kind", help="its kind (command)")
    one.add_argument("--write", action="append", default=[], metavar="GLOB", help="paths it may write; repeatable")
    one.add_argument("--requires", action="append", default=[], metavar="CAP", help="a capability it needs; repeatable")
    one.add_argument("--accept", action="append", default=[], metavar="TEST", help="a test that must pass; repeatable")
    one.add_argument("--priority", type=args.whole(1), metavar="N", help="1 to 10, the higher the sooner (5)")
    one.add_argument("--job-timeout", type=args.whole(1), metavar="S", help="seconds its run may take")
    one.add_argument("--message", help="the message of its commit")
    one.add_argument("--label", action="append", default=[], metavar="WORD", help="a word to find it by; repeatable")
    one.add_argument("--limit", action="append", default=[], metavar="KEY", help="a limit it counts to; repeatable")
    one.add_argument("--unique", metavar="KEY", help="not stored while a job with this key has not ended")
    one.add_argument("--exclusive", metavar="KEY", help="one job with this key runs at a time")
    one.add_argument("--not-before", metavar="TIME", help="earliest start, such as 2030-01-31T08:00:00Z")
    return parser


def _checked(batch: BatchFile) -> dict[str, Any]:
    batch.check()
    return batch.body


def _one_job(found: argparse.Namespace) -> dict[str, Any]:
    """The batch of one job that the flags describe.

    Raises: BadInput.
    """
    for name in ("project", "id"):
        if not getattr(found, name):
            raise BadInput(f"--{name} is missing", hint="paddock help submit")
    payload = {"argv": found.argv} if found.argv else {}
    if found.message:
        payload["message"] = found.message
    job: dict[str, Any] = {"id": found.id, "payload": payload}
    if found.write:
        job["scope"] = {"files": {"write": found.write}}
    more = {
        "kind": found.kind,
        "requires": found.requires,
        "accept": found.accept,
        "priority": found.priority,
        "timeout": found.job_timeout,
        "labels": found.label,
        "limits": found.limit,
        "unique": found.unique,
        "exclusive": found.exclusive,
        "not_before": found.not_before,
    }
    job |= {key: value for key, value in more.items() if value}
    body = {"project": found.project, "jobs": [job]}
    settle(parse_batch(body))
    return body


def _send(api: Api, body: dict[str, Any], batch: BatchFile | None) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = api.post("/v1/jobs", body)
    except BadInput as error:
        raise batch.placed(error) if batch and type(error) is BadInput else error from None
    return answer


def _count(jobs: list[Any]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs):,} jobs"


def _wait(api: Api, found: argparse.Namespace, answer: dict[str, Any]) -> int:
    twins = [job["id"] for job in answer["jobs"] if job.get("duplicate")]
    watch = Watch(api, answer["batch"], len(answer["jobs"]), out.note if found.json else out.line, twins)
    done = watch.until_ended(found.timeout)
    if found.json:
        out.dump({**answer, "ended": done, "jobs": watch.jobs})
    for job in watch.not_well():
        out.note(f"{job['name']} is {job['state']}: {out.plain(watch.why(job))}")
    if done and any(job["state"] == JobState.BLOCKED for job in watch.jobs):
        out.note("what is blocked cannot start until the jobs that ended badly are tried again: paddock job retry JOB")
    if not done:
        out.note(f"gave up after {found.timeout:g} s; the jobs go on")
    return 0 if done and not watch.not_well() else 1
