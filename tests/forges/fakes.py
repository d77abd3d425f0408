"""Forges that hold every request to its documented shape and answer as documented, over real HTTP.

What a request may look like is in SHAPES: the method, the path, the query, the fields of the body with their types.
Anything else is answered 400 and remembered as a violation; the model behind it is the same for all three.
"""

import hashlib
import hmac
import json
import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

TOKEN = "fake-token-of-the-tests"
BOT = "paddock"
NUMBER = r"(?P<number>\d+)"


class Shape(NamedTuple):
    """One documented request; `needs` and `may` are fields of the body."""

    name: str
    method: str
    path: str
    query: frozenset[str] = frozenset()
    needs: Mapping[str, type] = {}
    may: Mapping[str, type] = {}


_LIST = frozenset({"state", "sort", "direction", "per_page", "page"})
_GITEA = frozenset({"state", "sort", "limit", "page"})
_GITLAB = frozenset({"state", "order_by", "sort", "per_page", "page"})
# GitHub, version 2022-11-28.
_GITHUB = (
    Shape("repo", "GET", ""),
    Shape("user", "GET", "/user"),
    Shape("pulls", "GET", "/pulls", _LIST | {"head", "base"}),
    Shape("open", "POST", "/pulls", needs={"title": str, "head": str, "base": str}, may={"body": str, "draft": bool}),
    Shape("pull", "GET", f"/pulls/{NUMBER}"),
    Shape("edit", "PATCH", f"/pulls/{NUMBER}", may={"title": str, "body": str, "state": str, "base": str}),
    Shape("reviews", "GET", f"/pulls/{NUMBER}/reviews", frozenset({"per_page", "page"})),
    Shape(
        "merge", "PUT", f"/pulls/{NUMBER}/merge",
        may={"sha": str, "merge_method": str, "commit_title": str, "commit_message": str},
    ),
    Shape("comments", "GET", f"/issues/{NUMBER}/comments", frozenset({"since", "per_page", "page"})),
    Shape("comment", "POST", f"/issues/{NUMBER}/comments", needs={"body": str}),
    Shape(
        "status", "POST", r"/statuses/(?P<sha>[0-9a-f]{40})",
        needs={"state": str}, may={"context": str, "description": str, "target_url": str},
    ),
    Shape("issues", "GET", "/issues", _LIST | {"since", "creator", "labels"}),
    Shape("issue", "POST", "/issues", needs={"title": str}, may={"body": str, "labels": list}),
)  # fmt: skip
# Forgejo and Gitea, version 1.
_FORGEJO = (
    Shape("repo", "GET", ""),
    Shape("user", "GET", "/user"),
    Shape("pulls", "GET", "/pulls", _GITEA),
    Shape("open", "POST", "/pulls", needs={"title": str, "head": str, "base": str}, may={"body": str}),
    Shape("pull", "GET", f"/pulls/{NUMBER}"),
    Shape("edit", "PATCH", f"/pulls/{NUMBER}", may={"title": str, "body": str, "state": str, "base": str}),
    Shape("reviews", "GET", f"/pulls/{NUMBER}/reviews", frozenset({"limit", "page"})),
    Shape(
        "merge", "POST", f"/pulls/{NUMBER}/merge", needs={"Do": str},
        may={"head_commit_id": str, "MergeTitleField": str, "MergeMessageField": str},
    ),
    Shape("comments", "GET", f"/issues/{NUMBER}/comments", frozenset({"since", "before"})),
    Shape("comment", "POST", f"/issues/{NUMBER}/comments", needs={"body": str}),
    Shape(
        "status", "POST", r"/statuses/(?P<sha>[0-9a-f]{40})",
        may={"state": str, "context": str, "description": str, "target_url": str},
    ),
    Shape("issues", "GET", "/issues", _GITEA | {"type", "created_by", "q"}),
    Shape("issue", "POST", "/issues", needs={"title": str}, may={"body": str, "labels": list}),
)  # fmt: skip
# GitLab, version 4.
_GITLABS = (
    Shape("repo", "GET", ""),
    Shape("user", "GET", "/user"),
    Shape("pulls", "GET", "/merge_requests", _GITLAB | {"source_branch", "target_branch"}),
    Shape(
        "open", "POST", "/merge_requests",
        needs={"source_branch": str, "target_branch": str, "title": str}, may={"description": str, "labels": str},
    ),
    Shape("pull", "GET", f"/merge_requests/{NUMBER}"),
    Shape("edit", "PUT", f"/merge_requests/{NUMBER}", may={"title": str, "description": str, "state_event": str}),
    Shape("approvals", "GET", f"/merge_requests/{NUMBER}/approvals"),
    Shape("reviewers", "GET", f"/merge_requests/{NUMBER}/reviewers"),
    Shape(
        "merge", "PUT", f"/merge_requests/{NUMBER}/merge",
        may={"sha": str, "merge_commit_message": str, "should_remove_source_branch": bool, "squash": bool},
    ),
    Shape("comments", "GET", f"/merge_requests/{NUMBER}/notes", frozenset({"sort", "order_by", "per_page", "page"})),
    Shape("comment", "POST", f"/merge_requests/{NUMBER}/notes", needs={"body": str}),
    Shape(
        "status", "POST", r"/statuses/(?P<sha>[0-9a-f]{40})",
        needs={"state": str}, may={"name": str, "context": str, "ref": str, "description": str, "target_url": str},
    ),
    Shape("issues", "GET", "/issues", _GITLAB | {"search", "in", "scope"}),
    Shape("issue", "POST", "/issues", needs={"title": str}, may={"description": str, "labels": str}),
)  # fmt: skip
SHAPES = {"github": _GITHUB, "forgejo": _FORGEJO, "gitlab": _GITLABS}
PREFIX = {"github": "/api/v3", "forgejo": "/api/v1", "gitlab": "/api/v4"}
ROOT = {"github": "/repos/acme/shop", "forgejo": "/repos/acme/shop", "gitlab": "/projects/acme%2Fshop"}
AUTH = {
    "github": ("authorization", f"Bearer {TOKEN}"),
    "forgejo": ("authorization", f"token {TOKEN}"),
    "gitlab": ("private-token", TOKEN),
}
STATES = {
    "github": {"pending", "success", "failure", "error"},
    "forgejo": {"pending", "success", "failure", "error", "warning"},
    "gitlab": {"pending", "running", "success", "failed", "canceled", "skipped"},
}


class Answer(Exception):
    """An answer other than 200 with JSON."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


class Fake:
    """One of the three. Used as a context; everything a test looks at is an attribute."""

    def __init__(self, kind: str) -> None:
        self.kind, self.repo = kind, "acme/shop"
        self.branches = {"main": "f" * 40}
        self.pulls: list[dict[str, Any]] = []
        self.comments: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.said: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.statuses: dict[str, dict[str, str]] = defaultdict(dict)
        self.issues: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.violations: list[str] = []
        # Answers that come before anything is looked at, by the name of the request; and calls before the process ends.
        self.before: list[tuple[str, Answer]] = []
        self.after: list[tuple[str, threading.Event]] = []
        self.hold = threading.Event()
        self.hold.set()
        self._clock = 0
        self.lock = threading.RLock()

    def __enter__(self) -> "Fake":
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    status, raw, more = fake.answer(self.command, self.path, headers, body)
                except BrokenPipeError:
                    return
                self.send_response(status)
                for name, value in {**more, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_PATCH = _any

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.base = self.address + PREFIX[self.kind]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What people and git do

    def push(self, branch: str, content: str) -> str:
        """Moves a branch; returns its new commit."""
        with self.lock:
            old = self.branches.get(branch, self.branches["main"])
            self.branches[branch] = hashlib.sha1(f"{branch} {old} {content}".encode()).hexdigest()
            return self.branches[branch]

    def show_branch(self, branch: str, head: str) -> None:
        """Moves a branch to a commit."""
        with self.lock:
            self.branches[branch] = head

    def review(self, number: str, login: str, *, approve: bool, head: str = "") -> str:
        """Somebody reviews a request, as it stands or as it was at a head; returns the login."""
        with self.lock:
            pull = self.pulls[int(number) - 1]
            self.said[number].append({"login": login, "approve": approve, "head": head or self._head(pull)})
            self._touch(pull)
        return login

    def close(self, number: str, *, merged: bool = False) -> None:
        """Somebody closes or merges a request there."""
        with self.lock:
            pull = self.pulls[int(number) - 1]
            pull["open"], pull["merged"] = False, merged
            pull["commit"] = "e" * 40 if merged else None
            self._touch(pull)

    def webhook(self, number: str, secret: str) -> tuple[dict[str, str], bytes]:
        """What this forge sends of a request: headers in lower case, and a body."""
        told: dict[str, Any] = {"action": "submitted", "sender": {"login": "octocat"}}
        if self.kind == "gitlab":
            told = {"object_kind": "merge_request", "object_attributes": {"iid": int(number), "action": "approved"}}
        else:
            told["pull_request"] = {"number": int(number)}
        self._clock += 1
        body = json.dumps({**told, "at": self._clock}).encode()
        mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "github": {"x-hub-signature-256": f"sha256={mac}", "x-github-event": "pull_request_review"},
            "forgejo": {"x-forgejo-signature": mac, "x-gitea-signature": mac, "x-forgejo-event": "pull_request"},
            "gitlab": {"x-gitlab-token": secret, "x-gitlab-event": "Merge Request Hook"},
        }
        return headers[self.kind], body

    # Answers

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        """Holds a request to its shape and answers it: status, body, headers."""
        self.hold.wait(30)
        with self.lock:
            quota = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": str(5000 - len(self.calls))}
            quota["X-RateLimit-Reset"] = "4102444800"
            try:
                told = self._judged(method, path, headers, body)
            except Answer as other:
                return other.status, json.dumps(other.body).encode(), {**quota, **other.headers}
            raw = json.dumps(told).encode()
            tag = f'"{hashlib.sha256(raw).hexdigest()[:16]}"'
            if method == "GET" and headers.get("if-none-match") == tag:
                return 304, b"", {**quota, "ETag": tag}
            return (201 if method == "POST" else 200), raw, {**quota, "ETag": tag}

    def _judged(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name, header = AUTH[self.kind]
        if headers.get(name) != header:
            raise Answer(401, {"message": "Bad credentials"})
        if self.kind == "github" and headers.get("x-github-api-version") != "2022-11-28":
            raise self._violated("no version of the API")
        inside = parts.path.removeprefix(PREFIX[self.kind])
        place = inside.removeprefix(ROOT[self.kind]) if inside != "/user" else inside
        for shape in SHAPES[self.kind]:
            found = re.fullmatch(shape.path, place)
            if found and shape.method == method:
                return self._fits(shape, found, query, headers, body)
        raise self._violated(f"{method} {path} is no documented request")

    def _violated(self, what: str) -> Answer:
        self.violations.append(what)
        return Answer(400, {"message": what})

    def _fits(
        self, shape: Shape, found: "re.Match[str]", query: dict[str, str], headers: Mapping[str, str], body: bytes
    ) -> Any:
        self.calls.append(shape.name)
        if extra := query.keys() - shape.query:
            raise self._violated(f"{shape.name}: the query has {sorted(extra)}")
        given: dict[str, Any] = {}
        if shape.method != "GET":
            if headers.get("content-type") != "application/json":
                raise self._violated(f"{shape.name}: the body is {headers.get('content-type')}")
            given = json.loads(body)
            known = {**shape.needs, **shape.may}
            wrong = [one for one, value in given.items() if one not in known or not isinstance(value, known[one])]
            if wrong or shape.needs.keys() - given.keys():
                raise self._violated(f"{shape.name}: {wrong} do not fit, or of {sorted(shape.needs)} one is missing")
        for at, (name, answer) in enumerate(self.before):
            if name == shape.name:
                del self.before[at]
                raise answer
        return getattr(self, f"_do_{shape.name}")(found.groupdict(), query, given)

    def _head(self, pull: Mapping[str, Any]) -> str:
        return self.branches.get(pull["branch"], "0" * 40) if pull["open"] else str(pull["head"])

    def _touch(self, pull: dict[str, Any]) -> None:
        self._clock += 1
        pull["updated"] = f"2026-01-01T00:{self._clock // 60:02}:{self._clock % 60:02}Z"

    def _pull(self, groups: Mapping[str, str]) -> dict[str, Any]:
        at = int(groups["number"]) - 1
        if not 0 <= at < len(self.pulls):
            raise Answer(404, {"message": "Not Found"})
        return self.pulls[at]

    def _shown(self, pull: dict[str, Any]) -> dict[str, Any]:
        number = pull["number"]
        if self.kind == "gitlab":
            state = "opened" if pull["open"] else "merged" if pull["merged"] else "closed"
            return {
                "iid": number, "state": state, "sha": self._head(pull), "source_branch": pull["branch"],
                "web_url": f"{self.address}/acme/shop/-/merge_requests/{number}", "updated_at": pull["updated"],
                "merge_commit_sha": pull["commit"], "squash_commit_sha": None,
            }  # fmt: skip
        told = {
            "number": number, "state": "open" if pull["open"] else "closed", "updated_at": pull["updated"],
            "html_url": f"{self.address}/acme/shop/pulls/{number}", "merge_commit_sha": pull["commit"],
            "head": {"ref": pull["branch"], "sha": self._head(pull)}, "base": {"ref": pull["base"], "sha": "f" * 40},
            "merged_at": pull["updated"] if pull["merged"] else None,
        }  # fmt: skip
        return {**told, "merged": pull["merged"]}

    def _do_repo(self, *_: Any) -> Any:
        return {"id": 1, "full_name": self.repo}

    def _do_user(self, *_: Any) -> Any:
        return {"id": 7, "username": BOT} if self.kind == "gitlab" else {"id": 7, "login": BOT, "name": None}

    def _do_pulls(self, _: Any, query: dict[str, str], __: Any) -> Any:
        wanted = [pull for pull in self.pulls if pull["open"]]
        branch = query.get("source_branch") or query.get("head", "").partition(":")[2]
        listed = [self._shown(pull) for pull in wanted if not branch or pull["branch"] == branch]
        return listed if query.get("page", "1") == "1" else []

    def _do_open(self, _: Any, __: Any, given: dict[str, Any]) -> Any:
        branch = given.get("head") or given["source_branch"]
        if branch not in self.branches:
            raise Answer(422, {"message": "Validation Failed", "errors": [{"field": "head", "code": "invalid"}]})
        if any(pull["open"] and pull["branch"] == branch for pull in self.pulls):
            status = 422 if self.kind == "github" else 409
            raise Answer(status, {"message": "A pull request already exists"})
        pull = {
            "number": len(self.pulls) + 1, "branch": branch, "base": given.get("base") or given["target_branch"],
            "title": given["title"], "body": given.get("body") or given.get("description", ""),
            "open": True, "merged": False, "commit": None, "head": "",
        }  # fmt: skip
        self._touch(pull)
        self.pulls.append(pull)
        for at, (name, event) in enumerate(self.after):
            if name == "open":
                del self.after[at]
                event.set()
                self.hold.clear()
                self.lock.release()
                try:
                    self.hold.wait(30)
                finally:
                    self.lock.acquire()
        return self._shown(pull)

    def _do_pull(self, groups: Any, *_: Any) -> Any:
        return self._shown(self._pull(groups))

    def _do_edit(self, groups: Any, _: Any, given: dict[str, Any]) -> Any:
        pull = self._pull(groups)
        pull["title"] = given.get("title", pull["title"])
        pull["body"] = given.get("body", given.get("description", pull["body"]))
        if given.get("state") == "closed" or given.get("state_event") == "close":
            pull["head"], pull["open"] = self._head(pull), False
        self._touch(pull)
        return self._shown(pull)

    def _do_reviews(self, groups: Any, query: dict[str, str], _: Any) -> Any:
        self._pull(groups)
        no = "CHANGES_REQUESTED" if self.kind == "github" else "REQUEST_CHANGES"
        listed = [
            {
                "id": at, "state": "APPROVED" if one["approve"] else no, "commit_id": one["head"], "dismissed": False,
                "user": {"login": one["login"]},
            }
            for at, one in enumerate(self.said[groups["number"]])
        ]  # fmt: skip
        return listed if query.get("page", "1") == "1" else []

    def _last(self, number: str) -> dict[str, bool]:
        return {one["login"]: one["approve"] for one in self.said[number]}

    def _do_approvals(self, groups: Any, *_: Any) -> Any:
        said = self._last(groups["number"])
        return {
            "approved": any(said.values()),
            "approved_by": [{"user": {"username": n}} for n, yes in said.items() if yes],
        }

    def _do_reviewers(self, groups: Any, *_: Any) -> Any:
        said = self._last(groups["number"])
        return [
            {"user": {"username": n}, "state": "reviewed" if yes else "requested_changes"} for n, yes in said.items()
        ]

    def _do_merge(self, groups: Any, _: Any, given: dict[str, Any]) -> Any:
        pull = self._pull(groups)
        head = given.get("sha") or given.get("head_commit_id")
        if not pull["open"]:
            raise Answer(405, {"message": "Pull Request is not mergeable"})
        if head != self._head(pull):
            raise Answer(409, {"message": "Head branch was modified. Review and try the merge again."})
        pull |= {"head": self._head(pull), "open": False, "merged": True, "commit": "d" * 40}
        self._touch(pull)
        if self.kind == "gitlab":
            return self._shown(pull)
        return {"sha": pull["commit"], "merged": True, "message": "Pull Request successfully merged"}

    def _do_comments(self, groups: Any, query: dict[str, str], _: Any) -> Any:
        self._pull(groups)
        return self.comments[groups["number"]] if query.get("page", "1") == "1" else []

    def _do_comment(self, groups: Any, _: Any, given: dict[str, Any]) -> Any:
        pull = self._pull(groups)
        made = {"id": len(self.comments[groups["number"]]) + 1, "body": given["body"], "html_url": f"{self.address}/c"}
        self.comments[groups["number"]].append(made)
        self._touch(pull)
        return made

    def _do_status(self, groups: Any, _: Any, given: dict[str, Any]) -> Any:
        if given["state"] not in STATES[self.kind] or len(given.get("description", "")) > 140:
            raise self._violated(f"status: {given}")
        name = given.get("context") or given["name"]
        if self.kind == "gitlab" and self.statuses[groups["sha"]].get(name) == given["state"]:
            raise Answer(400, {"message": "Cannot transition status via :enqueue from :pending"})
        self.statuses[groups["sha"]][name] = given["state"]
        return {"id": 1, "state": given["state"]}

    def _do_issues(self, *_: Any) -> Any:
        return self.issues[::-1]

    def _do_issue(self, _: Any, __: Any, given: dict[str, Any]) -> Any:
        number = len(self.issues) + 1
        body = given.get("body") or given.get("description", "")
        url = f"{self.address}/acme/shop/issues/{number}"
        made = {
            "number": number, "iid": number, "id": 100 + number, "title": given["title"], "body": body,
            "description": body, "html_url": url, "web_url": url,
        }  # fmt: skip
        self.issues.append(made)
        return made
