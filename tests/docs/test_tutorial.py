"""The tutorial, typed as it is printed, ends as it says."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from paddock.cli.api import Api
from paddock.core.errors import PaddockError
from support.wait import wait_until

PATIENCE = 120.0
ONLY_A_PERSON = ["no person has approved it"]


class Reader:
    """Someone who follows the tutorial in a folder of their own."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PADDOCK_", "GIT_"))}
        self._env = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "PADDOCK_HOME": str(folder / "home"),
            "PADDOCK_PORT": str(port),
            "PADDOCK_SERVER": f"http://127.0.0.1:{port}",
        }
        self._api = Api(self._env["PADDOCK_SERVER"])

    def types(self, block: str) -> str:
        """A block of the tutorial, stopped at the first command that fails; what it printed."""
        done = subprocess.run(
            ["bash", "-eu", "-c", block],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def second_terminal(self, block: str) -> Iterator[None]:
        """A block that goes on until Ctrl-C."""
        with (self._folder / "second.log").open("wb") as log:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {block}"], cwd=self._folder, env=self._env, stdout=log, stderr=log
            )
        try:
            wait_until(lambda: self._says("online") == 2, PATIENCE, what="two agents online")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0

    def _says(self, state: str) -> int:
        with contextlib.suppress(PaddockError):
            return sum(agent["state"] == state for agent in self._api.get("/v1/agents"))
        return 0

    def waits_for_a_person(self, job: str) -> bool:
        """Whether nothing but a person stands in the way of a job's change."""
        with contextlib.suppress(PaddockError):
            return bool(self._api.get(f"/v1/changes/{job}/gate")["reasons"] == ONLY_A_PERSON)
        return False

    def is_done(self, job: str) -> bool:
        """Whether the job's work is merged."""
        return bool(self._api.get(f"/v1/jobs/{job}")["state"] == "done")


def test_the_tutorial_can_be_typed(tutorial: str, traversable_tmp: Path, free_port: int) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", tutorial, re.DOTALL | re.MULTILINE)
    assert blocks[0].startswith("git clone") and blocks[2].startswith("paddock up") and len(blocks) == 11
    reader = Reader(traversable_tmp, free_port)
    reader.types(blocks[1])
    (batch,) = re.findall(r"^```yaml\n(.*?)^```", tutorial, re.DOTALL | re.MULTILINE)
    (traversable_tmp / "shop.yaml").write_text(batch, encoding="utf-8")
    with reader.second_terminal(blocks[2].strip()):
        for block in blocks[3:7]:
            said = reader.types(block)
        assert "stock is blocked: needs total" in said
        wait_until(lambda: reader.waits_for_a_person("total"), PATIENCE, what="checks of total")
        assert "no person has approved it" in reader.types(blocks[7])
        reader.types(blocks[8])
        wait_until(lambda: reader.waits_for_a_person("stock"), PATIENCE, what="checks of stock")
        reader.types(blocks[9])
        wait_until(lambda: reader.is_done("stock"), PATIENCE, what="stock merged")
        said = reader.types(blocks[-1])
        assert "Merge total" in said and "Merge stock" in said and "3 passed" in said and "job.done" in said
