"""The secrets of a run: those that the proxy adds to its requests, and those that are laid into its box."""

import asyncio
from pathlib import PurePosixPath

from paddock.core.redaction import forms
from paddock.runners.base import Run
from paddock.sandbox.egress_upstream import Upstream

SEEN = "secret_seen"
# Where a box has its secrets as files.
FOLDER = PurePosixPath("/paddock/secrets")


def upstreams(job: Run) -> dict[str, Upstream]:
    """Those that stay out of the box, by name."""
    lent = job.fence.secrets.items()
    return {name: Upstream(name, secret, job.secrets[name]) for name, secret in lent if secret.injected}


def laid(job: Run) -> tuple[dict[str, bytes], dict[str, str]]:
    """Those that the run holds: files of its box, and variables."""
    held: dict[str, bytes] = {}
    env: dict[str, str] = {}
    for name, secret in job.fence.secrets.items():
        if secret.injected:
            continue
        if secret.into == "variable":
            env[secret.variable] = job.secrets[name]
            continue
        held[str(FOLDER / name)] = job.secrets[name].encode()
        if secret.variable:
            env[secret.variable] = str(FOLDER / name)
    return held, env


async def seen_in(job: Run, written: bytes) -> str:
    """The name of a secret that stands in what a run wrote, in one of its usual forms; or nothing."""
    return await asyncio.to_thread(_seen_in, job, written) if job.secrets else ""


def _seen_in(job: Run, written: bytes) -> str:
    for name, value in job.secrets.items():
        if any(form in written for form in forms(value.encode())):
            return name
    return ""
