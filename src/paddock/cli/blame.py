"""`paddock blame`: from a line of a file to the job that wrote it, its change, its reviews and who approved it."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import Api, at
from paddock.core.blame import Line, Origin, origin, parse_porcelain
from paddock.core.errors import BadInput, NotFound, PaddockError
from paddock.core.provenance import claim, parted
from paddock.wire.keys import Verifier

EXAMPLE = "paddock blame src/shop/cart.py:40\npaddock blame --rev main~20 src/shop/cart.py:40 --json"


def main(verb: str, words: list[str]) -> int:
    """Reads the repository that the file is in; what the control plane knows of the job is added when it answers."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("line", metavar="FILE:LINE", help="a file of a git work tree, and a line's number")
    parser.add_argument(
        "--rev", metavar="COMMIT", default="", help="as the file stands there; default: as it lies here"
    )
    found = args.read(parser, words)
    path, number = _place(found.line)
    line = _blame(path, number, found.rev)
    written = origin(_message(path, line.commit)) if line.committed else Origin()
    merge = _merge(path, line.commit, found.rev or "HEAD") if line.committed else Merge()
    told = _told(line, written, merge.commit, merge.said)
    told["signature"] = _signature(args.api_of(found), merge)
    told["known"] = _known(args.api_of(found), told) if told["job"] or told["change"] else None
    if found.json:
        out.dump(told)
        return 0
    _print(told)
    return 0


def _place(text: str) -> tuple[Path, int]:
    name, _, number = text.rpartition(":")
    if not name or not number.isdecimal() or int(number) < 1:
        raise BadInput(f"{text!r} is no place", hint="say FILE:LINE, such as src/shop/cart.py:40")
    return Path(name), int(number)


def _git(path: Path, *words: str) -> str:
    """What git prints, run as the owner of the folder. Raises: BadInput with git's words."""
    from paddock.workspace.git import last_words, run
    from paddock.workspace.remote import as_user

    folder = path.parent.resolve()
    if not folder.is_dir():
        raise BadInput(f"{path.parent} is no directory")
    user = as_user(folder)
    done = run("-C", str(folder), *words, user=user, env={"GIT_CONFIG_GLOBAL": "/dev/null"} if user else {})
    if done.code != 0:
        raise BadInput(f"git: {last_words(done.err)}")
    return done.out.decode(errors="replace")


def _blame(path: Path, number: int, rev: str) -> Line:
    if rev.startswith("-"):
        raise BadInput(f"{rev!r} is no commit")
    words = ["blame", "--porcelain", "-L", f"{number},{number}", *([rev] if rev else []), "--", path.name]
    line = parse_porcelain(_git(path, *words))
    if line is None:
        raise NotFound(f"{path} has no line {number}")
    return line


def _message(path: Path, commit: str) -> str:
    return _git(path, "log", "-1", "--format=%B", commit)


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The merge by which a commit came to a branch; empty when Paddock did not make it."""

    commit: str = ""
    # The commit that was merged.
    head: str = ""
    message: str = ""
    said: Origin = field(default_factory=Origin)


def _merge(path: Path, commit: str, tip: str) -> Merge:
    words = ("log", "--merges", "--ancestry-path", "--reverse", "--format=%H%x00%P%x00%B%x01", f"{commit}..{tip}")
    for entry in _git(path, *words).split("\x01"):
        merge, _, rest = entry.strip().partition("\0")
        parents, _, message = rest.partition("\0")
        said = origin(message)
        if not said.change:
            continue
        first, *_, head = parents.split()
        if _git(path, "rev-list", "--max-count=1", f"{first}..{commit}"):
            return Merge(commit=merge, head=head, message=message, said=said)
        # The branch had the commit before: this merge, and so every later one, brought others.
        break
    return Merge()


def _signature(api: Api, merge: Merge) -> dict[str, Any] | None:
    """Whose signature the merge bears; `holds` is None when the control plane does not know the key or not answer."""
    message, keyid, given = parted(merge.message)
    if not keyid:
        return None
    try:
        key = api.get(at("keys", keyid))
        verifier = Verifier(base64.b64decode(key["key"]), "agent")
        holds = verifier.keyid == keyid and verifier.holds(claim(merge.head, message), base64.b64decode(given))
    except ValueError:
        return {"key": keyid, "agent": None, "holds": False}
    except PaddockError:
        return {"key": keyid, "agent": None, "holds": None}
    return {"key": keyid, "agent": key["name"], "holds": holds}


def _told(line: Line, written: Origin, merge: str, merged: Origin) -> dict[str, Any]:
    return {
        "path": line.path,
        "line": line.number,
        "text": line.text,
        "commit": line.commit if line.committed else None,
        "summary": line.summary,
        "author": line.author,
        # A fix is a job of its own on the change of another.
        "job": written.fix or written.job or None,
        "epoch": written.epoch if written.job and not written.fix else None,
        "fix": bool(written.fix),
        "findings": list(written.findings),
        "change": merged.change or written.change or None,
        "merge": merge or None,
        "approved_by": list(merged.approved_by),
        "models": list(merged.models),
        "sessions": list(merged.sessions),
        "provenance": dict(merged.others),
    }


def _known(api: Api, told: dict[str, Any]) -> dict[str, Any] | None:
    """What the control plane knows of the job and its change; None when it does not answer or does not know them."""
    try:
        job = api.get(at("jobs", told["job"])) if told["job"] else None
        ref = told["change"] or told["job"]
        change = api.get(at("changes", ref)) if not (job and job["system"] and not told["change"]) else None
    except PaddockError:
        return None
    epoch = told["epoch"] or (job["attempts"][-1]["epoch"] if job and job["attempts"] else None)
    attempt = next((one for one in job["attempts"] if one["epoch"] == epoch), None) if job else None
    return {
        "name": job["name"] if job else None,
        "kind": job["kind"] if job else None,
        "argv": job["payload"].get("argv") if job else None,
        "agent": attempt["agent"] if attempt else None,
        "ended": attempt["ended"] if attempt else None,
        "change": change["name"] if change else None,
        "reviews": change["review"]["reviews"] if change and change["review"] else [],
        "checks": [one["green"] for one in change["evidence"]] if change else [],
    }


def _signed(signature: dict[str, Any] | None) -> str:
    if signature is None:
        return ""
    words = {True: "it holds", False: "IT DOES NOT HOLD", None: "nobody could be asked for the key"}
    return f"{signature['agent'] or signature['key']}: {words[signature['holds']]}"


def _print(told: dict[str, Any]) -> None:
    known = told["known"] or {}
    who = known.get("agent")
    out.line(out.plain(told["text"]))
    job = told["job"]
    out.facts(
        {
            "place": f"{told['path']}:{told['line']}",
            "commit": f"{told['commit'][:12]} {told['summary']}" if told["commit"] else "not committed yet",
            "author": told["author"] if not job else "",
            "job": f"{known.get('name') or ''} {job}".strip() + (" (a fix)" if told["fix"] else "") if job else "",
            "ran": " ".join(known.get("argv") or [])[:200],
            "agent": f"{who}, {out.age(known['ended'])} ago" if who and known.get("ended") else who,
            "mended": ", ".join(told["findings"]),
            "change": told["change"],
            "reviewed by": ", ".join(sorted({one["agent"] for one in known.get("reviews", [])})),
            "models": ", ".join(told["models"]),
            "model session": ", ".join(told["sessions"]),
            "approved by": ", ".join(told["approved_by"]),
            "merged as": (told["merge"] or "")[:12],
            "signed by": _signed(told["signature"]),
            "log": f"paddock job logs {job}" if known.get("name") else "",
        }
    )
    if job and told["known"] is None:
        out.note("the control plane does not answer or does not know this job; this is what the commits say")
    elif not job and told["commit"]:
        out.note("no job of Paddock's wrote this line")
