"""`paddock sign`: a customer's own signature over what jobs do, which no control plane can make."""

import argparse
import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddock.cli import args, out
from paddock.cli.batch_file import read
from paddock.core.errors import BadInput, Refused
from paddock.core.job import Job, parse_batch, settle

if TYPE_CHECKING:
    from paddock.wire.keys import Signer
    from paddock.wire.messages import Base

EXAMPLE = """\
paddock sign --make-key ~/.config/paddock/customer.key     # shows the line for the policy of your hosts
paddock sign jobs.yaml --key ~/.config/paddock/customer.key --out signed.json
paddock submit signed.json --wait"""
# What is signed of a job; all else is the control plane's to decide.
SIGNED = ("kind", "payload", "scope", "timeout", "accept")
_DAY_MS = 86_400_000


def main(verb: str, words: list[str]) -> int:
    """Shows what would be signed, asks, and writes the batch with a warrant for each job."""
    usage = "paddock sign FILE --key KEY [--out FILE] | --make-key KEY"
    parser = args.for_verb(verb, EXAMPLE, usage=usage)
    parser.add_argument("file", nargs="?", metavar="FILE", help="a batch in YAML, JSON or TOON; - for stdin")
    parser.add_argument("--key", metavar="KEY", type=Path, help="your private key")
    parser.add_argument("--make-key", metavar="KEY", type=Path, help="make a private key there, and end")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where the signed batch is written; stdout when left out"
    )
    parser.add_argument("--repo", help="the repository's address; what the control plane says when left out")
    parser.add_argument("--branch", help="its branch; what the control plane says when left out")
    parser.add_argument("--days", type=args.whole(1), default=7, metavar="N", help="how long jobs may start (7)")
    parser.add_argument("--yes", action="store_true", help="sign without asking")
    found = args.read(parser, words)
    if found.make_key:
        return _make(found.make_key, as_json=found.json)
    if not found.file or not found.key:
        raise BadInput("a batch file and --key are needed", hint=usage)
    return _sign(found)


def _make(path: Path, *, as_json: bool) -> int:
    from paddock.wire.keys import load_or_make
    from paddock.wire.warrant import ROLE, public_text

    if path.exists():
        raise BadInput(f"{path} is there already", hint="a key is never overwritten; name another file")
    text = public_text(load_or_make(path, ROLE))
    if as_json:
        out.dump({"key": str(path), "public": text})
    else:
        out.line(f"{path} is your private key. In the policy of every host that shall obey it alone:\n")
        out.line(f'customer_keys = ["{text}"]')
    return 0


def _sign(found: argparse.Namespace) -> int:
    from paddock.wire.keys import load_or_make
    from paddock.wire.messages import Base
    from paddock.wire.warrant import ROLE

    if not found.key.is_file():
        raise BadInput(f"{found.key} is no key", hint="paddock sign --make-key makes one")
    batch = read(found.file)
    batch.check()
    parsed = parse_batch(batch.body)
    base = Base(**_place(found, parsed.project))
    jobs = settle(parsed)
    _show(parsed.project, base, jobs, found.days)
    if not found.yes:
        _ask(len(jobs))
    body = _warranted(batch.body, jobs, base, load_or_make(found.key, ROLE), found.days)
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    if found.out:
        found.out.write_text(text, encoding="utf-8")
        out.note(f"{len(jobs)} jobs are signed: paddock submit {found.out}")
    else:
        sys.stdout.write(text)
    return 0


def _place(found: argparse.Namespace, project: str) -> dict[str, str]:
    """Repository and branch; where the control plane says them, they are shown before they are signed."""
    if found.repo and found.branch:
        return {"repo": found.repo, "branch": found.branch}
    known = next((one for one in args.api_of(found).get("/v1/projects") if one["name"] == project), None)
    if known is None:
        raise BadInput(f"no project {project!r}", hint="name --repo and --branch")
    return {"repo": found.repo or known["repo"], "branch": found.branch or known["branch"]}


def _show(project: str, base: "Base", jobs: list[Job], days: int) -> None:
    """All that will be signed, on stderr: stdout may be the batch."""
    import msgspec

    lines = [f"project {project}: {base.repo}, branch {base.branch}; to start within {days} days"]
    for job in jobs:
        scope = msgspec.to_builtins(msgspec.structs.replace(job.scope, warrant=""))
        lines.append(f"  {job.name}: {job.kind}, at most {job.timeout} s")
        lines.append(f"    payload {json.dumps(job.payload, ensure_ascii=False)}")
        lines.append(f"    scope   {json.dumps(scope, ensure_ascii=False) if scope else 'its worktree, no host'}")
        lines += [f"    accepts {', '.join(job.accept)}"] if job.accept else []
    out.note("\n".join(out.plain(line) for line in lines))


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise Refused("nobody is there to ask", hint="look at what would be signed, then give --yes")
    sys.stderr.write(f"sign {count} jobs? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was signed")


def _warranted(body: dict[str, Any], jobs: list[Job], base: "Base", key: "Signer", days: int) -> dict[str, Any]:
    """The batch with every signed field written out in its job, and the warrant in the job's scope."""
    import msgspec

    from paddock.wire.warrant import Work, issue

    now = time.time_ns() // 1_000_000
    signed = []
    for raw, job in zip(body["jobs"], jobs, strict=True):
        scope = msgspec.structs.replace(job.scope, warrant="")
        work = Work(
            id=secrets.token_hex(16),
            at=now,
            exp=now + days * _DAY_MS,
            project=body["project"],
            base=base,
            name=job.name,
            kind=job.kind,
            payload=job.payload,
            scope=scope,
            wall_s=job.timeout,
            accept=job.accept,
        )
        told = {
            "kind": job.kind,
            "payload": job.payload,
            "timeout": job.timeout,
            "accept": list(job.accept),
            "scope": {**msgspec.to_builtins(scope), "warrant": issue(work, key)},
        }
        signed.append({**raw, **told})
    defaults = {name: value for name, value in (body.get("defaults") or {}).items() if name not in SIGNED}
    return {**body, "defaults": defaults, "jobs": signed}
