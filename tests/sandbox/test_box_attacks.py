"""What hostile code does in a box, and how each attempt ends; also run as an ordinary user by tests/workspace."""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from paddock.sandbox import Box, Ceiling, Egress, Rules, default_tools, job_user, launch, probe
from sandbox.test_box import make_box
from support.wait import wait_until

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)
Attack = Callable[..., "subprocess.CompletedProcess[str]"]

HEAD = """
import ctypes, errno, json, os, socket, struct, sys
told = {}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(number, *args) < 0 else "done"
def opens(path, flags=os.O_WRONLY):
    try:
        os.close(os.open(path, flags)); return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def sockets(*args):
    try:
        socket.socket(*args).close(); return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def connects(address, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    try:
        with socket.socket(family, kind) as link:
            link.settimeout(5); link.connect(address); link.send(b"x"); return "done"
    except OSError as error:
        return errno.errorcode.get(error.errno, "timeout")
"""
# System calls by number, on x86_64 and on aarch64.
NUMBERS = {"ptrace": (101, 117), "keyctl": (250, 219), "bpf": (321, 280), "unshare": (272, 97), "setns": (308, 268)}
NUMBERS |= {"io_uring_setup": (425, 425), "mount": (165, 40), "process_vm_readv": (310, 270), "clone3": (435, 435)}
NUMBERS |= {"perf_event_open": (298, 241), "userfaultfd": (323, 282), "init_module": (175, 105)}


@pytest.fixture
def attack(traversable_tmp: Path) -> Attack:
    def run(code: str, *args: str, **changes: object) -> "subprocess.CompletedProcess[str]":
        box = make_box(traversable_tmp, tools=default_tools(), **changes)
        return spawn(box, [sys.executable, "-I", "-S", "-c", HEAD + code + "\nprint(json.dumps(told))", *args])

    return run


def spawn(box: Box, argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    with launch(box, argv) as ready:
        return subprocess.run(ready.argv, **ready.options(), capture_output=True, text=True, timeout=60)


def told(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def labelled(label: bytes) -> list[Path]:
    """Processes whose environment holds the label of a run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [entry] if label in entry.read_bytes() else []
    return found


def test_settings_of_the_kernel_are_closed(attack: Attack) -> None:
    code = """
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe", "/sys/power/state",
             "/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper", "/dev/mem", "/dev/kmsg", "/proc/kcore"):
    told[path] = opens(path)
"""
    found = told(attack(code))
    assert "done" not in found.values(), found


def test_nothing_of_the_agent_or_its_host_is_seen(attack: Attack, tmp_path: Path, traversable_tmp: Path) -> None:
    key = traversable_tmp / "agent.key"
    key.write_text("secret")
    code = """
for path in sys.argv[1:]: told[path] = opens(path, os.O_RDONLY)
told["environ"] = "done" if b"PYTEST" in open("/proc/1/environ", "rb").read() else "clean"
told["processes"] = "few" if len([p for p in os.listdir("/proc") if p.isdigit()]) < 5 else "done"
told["root"] = "done" if os.path.exists("/proc/1/root/home") else "box"
"""
    places = [str(key), str(tmp_path), "/root/.ssh/id_ed25519", "/etc/shadow", "/home", "/run/docker.sock", "/var/run"]
    found = told(attack(code, *places))
    assert "done" not in found.values(), found


def test_dangerous_system_calls_fail(attack: Attack) -> None:
    at = 0 if os.uname().machine == "x86_64" else 1
    code = f"for name, number in { ({name: pair[at] for name, pair in NUMBERS.items()})!r}.items():\n"
    code += "    told[name] = call(number, 0x10000000, 0, 0, 0, 0, 0)"
    found = told(attack(code))
    missing = {"io_uring_setup", "clone3"}
    assert found == {name: "ENOSYS" if name in missing else "EPERM" for name in NUMBERS}


def test_only_plain_families_of_sockets_can_be_made(attack: Attack) -> None:
    code = """
for name, args in {"netlink": (16, 3, 0), "packet": (17, 3, 0), "vsock": (40, 1, 0), "alg": (38, 5, 0),
                   "bluetooth": (31, 3, 0), "xdp": (44, 3, 0), "raw": (2, 3, 1), "inet": (2, 1, 0)}.items():
    told[name] = sockets(*args)
"""
    found = told(attack(code))
    assert found.pop("inet") == "done" and found.pop("raw") == "EPERM"
    assert set(found.values()) == {"EAFNOSUPPORT"}, found


def test_namespaces_and_keystrokes_are_refused_by_their_arguments(attack: Attack) -> None:
    code = """
import fcntl
clone, ioctl = (56, 16) if os.uname().machine == "x86_64" else (220, 29)
told["clone"] = call(clone, 0x10000000 | 17, 0, 0, 0, 0)
told["typing"] = call(ioctl, 0, 0x5412, b"x")
told["typing, high bits"] = call(ioctl, 0, ctypes.c_ulong(0x100005412), b"x")
"""
    assert set(told(attack(code)).values()) == {"EPERM"}


def test_sockets_of_the_host_are_out_of_reach(attack: Attack, traversable_tmp: Path) -> None:
    with socket.socket(socket.AF_UNIX) as named, socket.socket(socket.AF_UNIX) as abstract:
        named.bind(str(traversable_tmp / "docker.sock"))
        abstract.bind("\0paddock-test-attack")
        named.listen()
        abstract.listen()
        (traversable_tmp / "docker.sock").chmod(0o777)
        code = """
told["named"] = connects(sys.argv[1], socket.AF_UNIX)
told["abstract"] = connects("\\0paddock-test-attack", socket.AF_UNIX)
"""
        assert told(attack(code, str(traversable_tmp / "docker.sock"))) == {
            "named": "ENOENT",
            "abstract": "ECONNREFUSED",
        }


def test_beside_the_way_out_there_is_no_other(traversable_tmp: Path) -> None:
    lines: list[str] = []
    with Egress(Rules(("allowed.test:443",)), lines.append, lambda: None, lambda *_: ["127.0.0.1"]) as egress:
        box = make_box(traversable_tmp, tools=default_tools(), way_out=egress.theirs.fileno(), env=egress.env())
        code = """
told["tcp"] = connects(("1.1.1.1", 443))
told["udp"] = connects(("1.1.1.1", 53), kind=socket.SOCK_DGRAM)
told["ipv6"] = connects(("2606:4700::1111", 443), socket.AF_INET6)
told["icmp"] = sockets(2, 2, 1)
told["loopback of the host"] = connects(("127.0.0.1", 22))
told["left open"] = str(sorted(os.listdir("/proc/self/fd")))
with socket.create_connection(("127.0.0.1", 3128)) as link:
    link.sendall(b"CONNECT secret.evil.test:443 HTTP/1.1\\r\\n\\r\\n"); told["evil"] = link.recv(12).decode()
with socket.create_connection(("127.0.0.1", 3128)) as link:
    link.sendall(b"CONNECT allowed.test:443 HTTP/1.1\\r\\n\\r\\n"); told["rebound"] = link.recv(12).decode()
"""
        words = [sys.executable, "-I", "-S", "-c", HEAD + code + "\nprint(json.dumps(told))"]
        found = told(spawn(box, words))
    assert found.pop("left open") == "['0', '1', '2', '3']"  # the last is the listing's own
    assert found.pop("evil") == "HTTP/1.1 403" and found.pop("rebound") == "HTTP/1.1 403"
    assert found.pop("icmp") in ("EACCES", "EPERM", "done")  # a socket that reaches nothing
    assert set(found.values()) <= {"ENETUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL"}, found
    assert len([line for line in lines if "secret.evil.test:443 refused" in line]) == 1


def test_ways_around_a_list_of_programs_stay_in_the_fence(attack: Attack) -> None:
    code = """
import subprocess, glob
loader = (glob.glob("/lib64/ld-linux*") + glob.glob("/lib/ld-linux*"))[0]
made = os.memfd_create("copy"); os.write(made, open("/bin/sh", "rb").read())
starts = {"loader": [loader, "/bin/sh"], "memfd": ["/proc/self/fd/%d" % made], "root": ["/proc/self/root/bin/sh"]}
for name, argv in starts.items():
    argv += ["-c", "id -u; touch /usr/out 2>/dev/null || echo held"]
    done = subprocess.run(argv, capture_output=True, text=True, pass_fds=(made,))
    told[name] = done.stdout.replace(chr(10), " ")
"""
    assert set(told(attack(code)).values()) == {"1000 held "}


def test_a_fork_bomb_is_stopped(attack: Attack) -> None:
    code = """
import signal
count = 0
try:
    while count < 500:
        if os.fork() == 0: signal.pause(); os._exit(0)
        count += 1
except OSError as error:
    told["stopped"] = errno.errorcode[error.errno]
"""
    done = attack(code, ceiling=Ceiling(processes=64), label="forkbomb")
    assert told(done) == {"stopped": "EAGAIN"}


def test_a_memory_hog_is_stopped(attack: Attack) -> None:
    code = """
held = []
try:
    for _ in range(64): held.append(bytearray(b"x") * (16 << 20))
    told["got"] = "all"
except MemoryError:
    told["got"] = "stopped"
"""
    done = attack(code, ceiling=Ceiling(memory=256 << 20), label="memoryhog")
    assert done.returncode == 137 or told(done) == {"got": "stopped"}


def test_a_disk_filler_is_stopped_at_the_size_of_one_file(attack: Attack) -> None:
    code = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open("filler", "wb") as file:
        for _ in range(64): file.write(bytes(1 << 20)); file.flush()
except OSError as error:
    told["stopped"] = errno.errorcode[error.errno]
"""
    assert told(attack(code, ceiling=Ceiling(file_bytes=8 << 20))) == {"stopped": "EFBIG"}


def test_a_daemon_does_not_outlive_its_job(attack: Attack) -> None:
    code = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for handle in (0, 1, 2): os.close(handle)
        time.sleep(0.5)
        open("alive", "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
"""
    done = attack(code, label="daemon-of-a-test")
    assert done.returncode == 0
    # The namespace is still being taken down when the box's first process has ended.
    wait_until(lambda: not labelled(b"daemon-of-a-test"), 30, what="the daemon is gone")


def test_limits_cannot_be_raised_from_inside(attack: Attack) -> None:
    code = """
import resource
for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC"):
    soft, hard = resource.getrlimit(getattr(resource, name))
    try:
        resource.setrlimit(getattr(resource, name), (hard + 1, hard + 1)); told[name] = "raised"
    except (ValueError, OSError):
        told[name] = "held"
"""
    assert resource.getrlimit(resource.RLIMIT_CORE)
    assert set(told(attack(code)).values()) == {"held"}


def test_the_user_of_a_job_is_nobody_of_the_host(attack: Attack) -> None:
    found = told(attack('told["uid"] = str(os.getuid()); os.close(os.open("made", os.O_CREAT))'))
    assert found == {"uid": "1000"} and job_user().uid != 0
