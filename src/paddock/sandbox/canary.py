"""Runs inside a box and tries to get out; prints the names of the ways that worked, as JSON.

Arguments: a secret file of the host, a TCP port and an abstract socket that the host listens on.
"""

import json
import os
import socket
import sys
from pathlib import Path

secret, port, abstract = sys.argv[1:4]
breaches = []


def opens(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError:
        return False
    return True


def connects(family: int, address: tuple[str, int] | str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(0.2)
        return link.connect_ex(address) == 0


def processes() -> int:
    return len([entry for entry in Path("/proc").iterdir() if entry.name.isdigit()])


if not opens("inside", os.O_WRONLY | os.O_CREAT):
    breaches.append("the worktree cannot be written")
if opens("/usr/paddock-canary", os.O_WRONLY | os.O_CREAT) or opens(secret + "-new", os.O_WRONLY | os.O_CREAT):
    breaches.append("the job can write outside its worktree")
if opens(secret, os.O_RDONLY):
    breaches.append("the job can read files outside its worktree")
if opens("/proc/sys/kernel/core_pattern", os.O_WRONLY):
    breaches.append("the job can change settings of the kernel")
if connects(socket.AF_INET, ("127.0.0.1", int(port))) or connects(socket.AF_UNIX, "\0" + abstract):
    breaches.append("the job reaches the host's network")
if processes() > 4:
    breaches.append("the job sees the host's processes")
if os.getuid() == 0 or "PADDOCK_CANARY" in os.environ:
    breaches.append("the job keeps the agent's user or environment")
print(json.dumps(breaches))
