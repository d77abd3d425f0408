"""A box holds: what a job inside it can write, read, reach and see."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock.sandbox import Bind, Box, NotContained, Overlay, SandboxError, User, default_tools, job_user, launch, probe
from paddock.sandbox.box import arguments, dedupe, stage_vector, uncontained
from paddock.sandbox.user import can_reach

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def make_box(root: Path, **changes: object) -> Box:
    tree = root / "tree"
    tree.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(tree, job_user().uid, job_user().gid)
    fields: dict[str, object] = {"root": root, "tree": tree, "user": job_user(), "stage": root / "stage"}
    return Box(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def shell(traversable_tmp: Path) -> Shell:
    def run(script: str, *args: str, **changes: object) -> "subprocess.CompletedProcess[str]":
        with launch(make_box(traversable_tmp, **changes), ["/bin/sh", "-c", script, "sh", *args]) as ready:
            return subprocess.run(ready.argv, **ready.options(), capture_output=True, text=True, timeout=30)

    return run


def test_the_worktree_is_writable_and_owned(shell: Shell, traversable_tmp: Path) -> None:
    assert shell("echo hello > made; id -u; pwd").stdout.split() == ["1000", "/workspace"]
    made = traversable_tmp / "tree" / "made"
    assert made.read_text() == "hello\n"
    assert made.stat().st_uid == job_user().uid != 0


@pytest.mark.parametrize("place", ["/usr/made", "/etc/made", "/bin/made", "/proc/sys/kernel/core_pattern"])
def test_nothing_outside_can_be_written(shell: Shell, place: str) -> None:
    assert shell('printf "" >> "$1"', place).returncode != 0


def test_files_of_the_host_are_not_there(shell: Shell, traversable_tmp: Path) -> None:
    secret = traversable_tmp / "secret"
    secret.write_text("x")
    assert shell('cat "$1"', str(secret)).returncode != 0
    assert shell("ls /root /home /var/lib /run 2>/dev/null").stdout == ""
    assert shell("cat /etc/shadow").returncode != 0


def test_no_network(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = "python3 -c 'import socket, sys; socket.create_connection((\"127.0.0.1\", int(sys.argv[1])))' $1"
        done = shell(connect, str(port), tools=default_tools())
        assert "Connection refused" in done.stderr
        assert shell("cat /proc/net/dev | tail -n +3 | cut -d: -f1").stdout.split() == ["lo"]


def test_the_environment_is_only_what_was_given(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET", "hunter2")
    names = {line.partition("=")[0] for line in shell("env", env={"GIVEN": "1"}).stdout.splitlines()}
    assert names == {"PATH", "HOME", "TMPDIR", "LANG", "USER", "PWD", "GIVEN"}
    assert "hunter2" not in shell("cat /proc/*/environ").stdout


def test_the_environment_is_not_in_the_vector(traversable_tmp: Path) -> None:
    with launch(make_box(traversable_tmp, env={"TOKEN": "hunter2"}), ["true"]) as ready:
        assert not any("hunter2" in word for word in ready.argv)
        assert ready.env == {}


def test_host_processes_are_hidden(shell: Shell) -> None:
    assert len(shell("ls -d /proc/[0-9]*").stdout.split()) <= 3
    assert shell('kill -0 "$1"', str(os.getpid())).returncode != 0


def test_no_rights_and_no_way_to_new_ones(shell: Shell) -> None:
    status = shell("grep -E 'Cap(Eff|Bnd|Prm)|NoNewPrivs' /proc/self/status").stdout.split()
    assert set(status[1::2]) == {"0000000000000000", "1"}
    assert shell("unshare --user true").returncode != 0
    assert shell("mount -t tmpfs none /tmp").returncode != 0


def test_limits(shell: Shell) -> None:
    assert shell("ulimit -c").stdout.strip() == "0"
    assert int(shell("ulimit -p 2>/dev/null || ulimit -u").stdout) <= 4096


def test_open_descriptors_do_not_reach_the_job(shell: Shell) -> None:
    assert shell("ls /proc/$$/fd").stdout.split() == ["0", "1", "2"]


def test_a_pinned_directory_cannot_be_moved(shell: Shell, traversable_tmp: Path) -> None:
    shell("mkdir -p pin/hooks")
    tree = traversable_tmp / "tree"
    pin = Bind(tree / "pin", Path("/workspace/pin"), writable=True)
    hooks = Bind(tree / "pin" / "hooks", Path("/workspace/pin/hooks"))
    done = shell("mv pin other; touch pin/ok; touch pin/hooks/no", binds=(pin, hooks))
    assert "busy" in done.stderr
    assert "Read-only" in done.stderr
    assert (tree / "pin" / "ok").exists()


@pytest.mark.skipif(not probe().overlay, reason="no overlays here")
def test_an_overlay_leaves_its_base_alone(shell: Shell, traversable_tmp: Path) -> None:
    for name in ("lower", "upper", "work"):
        (traversable_tmp / name).mkdir()
        if os.geteuid() == 0:
            os.chown(traversable_tmp / name, job_user().uid, job_user().gid)
    base = traversable_tmp / "lower" / "file"
    base.write_text("base\n")
    os.chown(base, job_user().uid, job_user().gid)
    done = shell("cat file; echo job >> file; echo new > new", overlay=Overlay("lower", "upper", "work"))
    assert (done.stdout, done.stderr) == ("base\n", "")
    assert base.read_text() == "base\n"
    assert (traversable_tmp / "upper" / "file").read_text() == "base\njob\n"
    assert list((traversable_tmp / "tree").iterdir()) == []


def test_tools_are_seen_at_their_own_path_even_when_closed_to_the_job(shell: Shell, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    (tool / "bin").mkdir(parents=True)
    (tool / "bin" / "greet").write_text("#!/bin/sh\necho hello from $0\n")
    (tool / "bin" / "greet").chmod(0o755)
    done = shell("greet; touch $1/made", str(tool), tools=(tool,))
    assert done.stdout == f"hello from {tool}/bin/greet\n"
    assert not (tool / "made").exists()


def test_this_python_runs_in_a_box(shell: Shell) -> None:
    assert shell("python3 -c 'import sys; print(sys.version_info[:2])'", tools=default_tools()).returncode == 0


def test_the_vector_of_root_drops_to_the_job_user_before_the_box(traversable_tmp: Path) -> None:
    box = make_box(traversable_tmp, user=User(60817, 60817), overlay=Overlay("l", "u", "w"))
    as_root = stage_vector(box, {}, root=True)
    assert as_root.index("60817") > as_root.index("--mount")
    assert as_root[-1] == "--"
    assert "--user" not in as_root
    assert "--map-root-user" in stage_vector(box, {}, root=False)


def test_the_arguments_keep_the_order_of_binds(traversable_tmp: Path) -> None:
    binds = (Bind(Path("/a"), Path("/workspace/.git"), writable=True), Bind(Path("/b"), Path("/workspace/.git/hooks")))
    words = arguments(make_box(traversable_tmp, binds=binds), {})
    assert words.index("/workspace") < words.index("/workspace/.git") < words.index("/workspace/.git/hooks")
    assert "--clearenv" not in words
    assert {"--unshare-net", "--die-with-parent", "--new-session", "--disable-userns"} <= set(words)


def test_root_is_never_a_job_user(traversable_tmp: Path) -> None:
    with pytest.raises(SandboxError):
        launch(make_box(traversable_tmp, user=User(0, 0)), ["true"])


def test_layers_with_words_of_mount_in_them_are_refused(traversable_tmp: Path) -> None:
    with pytest.raises(SandboxError):
        launch(make_box(traversable_tmp, overlay=Overlay("l,suid", "u", "w")), ["true"])


def test_uncontained_needs_to_be_asked_for(traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET", "hunter2")
    box = make_box(traversable_tmp, env={"GIVEN": "1"})
    with pytest.raises(NotContained):
        uncontained(box, ["true"], degraded=False)
    with uncontained(box, ["/bin/sh", "-c", "id -u; env"], degraded=True) as ready:
        assert not ready.contained
        done = subprocess.run(ready.argv, **ready.options(), capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith(f"{job_user().uid}\n")
    assert "GIVEN=1" in done.stdout
    assert "AGENT_SECRET" not in done.stdout


def test_reach_is_told_by_the_directories_above(traversable_tmp: Path) -> None:
    assert can_reach(traversable_tmp / "x", User(60817, 60817))
    closed = traversable_tmp / "closed"
    closed.mkdir(mode=0o700)
    assert not can_reach(closed / "x", User(60817, 60817))


def test_prefixes_below_others_are_left_out(traversable_tmp: Path) -> None:
    (traversable_tmp / "a" / "b").mkdir(parents=True)
    assert dedupe([traversable_tmp / "a", traversable_tmp / "a" / "b", Path("/usr"), Path("/none")]) == (
        traversable_tmp / "a",
    )
