"""The fence around a job: what it sees, who it runs as, and the proof that it holds.

    probe(root) -> Containment(cls, overlay, reason, hint)      as a canary measured it last
    measure(root) -> Containment                                 measured anew
    job_user() -> User(uid, gid)                                 never 0
    Box(root, tree, user, overlay, binds, tools, stage, env, cwd)
    launch(box, argv) -> Launch                                  the command vector of a box
    uncontained(box, argv, degraded=True) -> Launch              without a box; NotContained unless degraded
    with launch: subprocess.Popen(launch.argv, **launch.options(), stdout=…)
    default_tools() -> prefixes of the running Python, to be given as Box.tools

Inside: /workspace (writable), a minimal read-only root, the tools at their own paths, fresh /tmp, /proc and /dev,
no network, no other process of the host, uid 1000, an environment of a few fixed names plus Box.env.
"""

from paddock.sandbox.box import (
    WORKSPACE,
    Bind,
    Box,
    Overlay,
    dedupe,
    default_tools,
    launch,
    program,
    started,
    uncontained,
)
from paddock.sandbox.egress import Egress, Rules
from paddock.sandbox.errors import NotContained, SandboxError
from paddock.sandbox.launch import Launch
from paddock.sandbox.limits import Ceiling
from paddock.sandbox.probe import Containment, measure, probe
from paddock.sandbox.rubbish import delete_rubbish
from paddock.sandbox.user import User, can_reach, job_user

__all__ = [
    "WORKSPACE",
    "Bind",
    "Box",
    "Ceiling",
    "Containment",
    "Egress",
    "Launch",
    "NotContained",
    "Overlay",
    "Rules",
    "SandboxError",
    "User",
    "can_reach",
    "dedupe",
    "default_tools",
    "delete_rubbish",
    "job_user",
    "launch",
    "measure",
    "probe",
    "program",
    "started",
    "uncontained",
]
