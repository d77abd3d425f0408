"""A real Pagure, from Debian's packages in a root of their own: started for a test, gone with it."""

import hashlib
import hmac
import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from paddock.forges.conformance import SECRET
from support.places import free_port, remove_tree
from support.repos import git

INSIDE = Path(__file__).with_name("pagure_inside.py")
PLACE = "/srv/paddock"
# The root's own files stay as they are: all that is written is in a folder bound into it, and all ends with the shell.
START = """
mount --bind "$FOLDER" "$ROOT{place}" && mount -t proc proc "$ROOT/proc" && mount --bind /dev "$ROOT/dev" &&
exec chroot "$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME={place} \
  PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore python3 {place}/inside.py {place} "$PORT"
"""


def root() -> Path | None:
    """Debian's root with Pagure in it, as `./dev forge` makes it."""
    given = os.environ.get("PADDOCK_TEST_PAGURE")
    return Path(given) if given else None


class Pagure:
    """Used as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Pagure":
        base = root()
        assert base is not None, "PADDOCK_TEST_PAGURE names no root"
        (base / PLACE.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (self.folder / "inside.py").write_bytes(INSIDE.read_bytes())
        env = {**os.environ, "ROOT": str(base), "FOLDER": str(self.folder), "PORT": str(self.port)}
        with (self.folder / "pagure.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    "unshare",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child=KILL",
                    "sh",
                    "-c",
                    START.format(place=PLACE),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise AssertionError(f"Pagure did not start: {(self.folder / 'pagure.log').read_text()[-2_000:]}")
        self.tokens: dict[str, str] = json.loads(line)
        self.repo = self.folder / "repositories" / "shop.git"
        # Its hooks are written for the root inside; what they do, the API does when it is asked.
        git(self.repo, "config", "core.hooksPath", "/dev/null")
        git(self.repo, "symbolic-ref", "HEAD", "refs/heads/main")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        remove_tree(self.folder)

    def call(self, who: str, path: str, **fields: str) -> Any:
        """A request as one of the people; a POST where there are fields."""
        headers = {"Authorization": f"token {self.tokens[who]}"}
        url = f"{self.address}/api/0{path}"
        answer = httpx.post(url, data=fields, headers=headers) if fields else httpx.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def signed(number: str) -> tuple[dict[str, str], bytes]:
    """A webhook as Pagure sends it."""
    body = json.dumps({"topic": "pull-request.comment.added", "msg": {"pullrequest": {"id": int(number)}}}).encode()
    headers = {
        "x-pagure-signature": hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest(),
        "x-pagure-signature-256": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    return headers, body
