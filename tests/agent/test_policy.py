"""The policy file: believed when only root could have written it, read anew when it changes, never loosened."""

import os
from pathlib import Path

import msgspec
import pytest

from paddock.agent.intake import Refusal
from paddock.agent.journal import Journal
from paddock.agent.policy import LocalPolicy, PolicyUnsafe, load
from paddock.core.errors import BadInput
from paddock.core.job import Files, Scope
from paddock.core.policy import Policy
from paddock.wire.messages import JobOrder
from support.orders import NOW, ORDER, gate, grant, order

ME = os.geteuid()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "agent.db")


def policy(path: Path) -> LocalPolicy:
    return LocalPolicy(path, owner=ME)


def refused(journal: Journal, path: Path, given: JobOrder = ORDER) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        gate(journal, policy=policy(path)).open(grant(given))
    return caught.value.told, caught.value.message


def test_without_a_file_the_standard_holds_and_with_one_only_the_file(file: Path) -> None:
    standard = Policy(allow_degraded=True)
    found = LocalPolicy(file, standard, owner=ME)
    assert found.current() is standard
    file.write_text('repositories = ["/srv/*"]\n')
    assert found.current() == Policy(repositories=("/srv/*",))
    file.unlink()
    assert found.current() is standard


def test_a_policy_that_others_can_write_is_not_believed(file: Path) -> None:
    file.write_text("")
    for mode in (0o664, 0o646, 0o666):
        file.chmod(mode)
        with pytest.raises(PolicyUnsafe, match="others than root") as caught:
            load(file, Policy(), owner=ME)
        assert "chown root" in caught.value.hint
    file.chmod(0o644)
    assert load(file, Policy(), owner=ME) == Policy()
    file.parent.chmod(0o777)
    with pytest.raises(PolicyUnsafe, match="folder"):
        load(file, Policy(), owner=ME)


@pytest.mark.skipif(ME != 0, reason="only root can give a file away")
def test_a_policy_of_another_user_is_not_believed(file: Path) -> None:
    file.write_text("")
    os.chown(file, 60817, 60817)
    with pytest.raises(PolicyUnsafe):
        load(file, Policy())


@pytest.mark.skipif(ME == 0, reason="root's own files are believed")
def test_an_ordinary_users_own_file_is_no_policy(file: Path) -> None:
    file.write_text("allow_degraded = true\n")
    with pytest.raises(PolicyUnsafe):
        load(file, Policy())


def test_what_is_no_plain_file_is_not_believed(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(PolicyUnsafe, match="no file"):
        load(file, Policy(), owner=ME)


def test_an_order_outside_the_policy_is_refused_with_the_rule(journal: Journal, file: Path) -> None:
    file.write_text('repositories = ["https://git.example.org/*"]\ncommands = [["ruff", "***"]]\n')
    told, message = refused(journal, file)
    assert told == "policy_denied" and message.startswith("repositories: /srv/shop.git")
    file.write_text('commands = [["make", "***"]]\n[files]\nwrite = ["docs/**"]\n')
    told, message = refused(journal, file, order(scope=Scope(files=Files(write=("src/**",)))))
    assert told == "policy_denied" and "commands: " in message and "files.write: " in message


def test_quiet_hours_send_a_job_back(journal: Journal, file: Path) -> None:
    file.write_text('quiet_hours = ["07:00-09:00"]\n')  # NOW is eight o'clock in the morning
    assert refused(journal, file)[0] == "policy_quiet_hours"
    assert not policy(file).opens(NOW) and policy(file).opens(NOW + 7_200_000)


def test_a_policy_that_becomes_unreadable_lets_nothing_run_and_blames_no_job(journal: Journal, file: Path) -> None:
    found = policy(file)
    file.write_text("")
    door = gate(journal, policy=found)
    assert door.open(grant(ORDER)) == ORDER
    file.write_text("version = nonsense\n")
    with pytest.raises(Refusal) as caught:
        door.open(grant(ORDER))
    assert caught.value.told == "not_capable" and not found.opens(NOW)
    with pytest.raises(BadInput):
        found.current()


def test_a_run_without_a_box_needs_the_job_and_the_policy(journal: Journal, file: Path) -> None:
    willing = order(scope=Scope(degraded=True))
    for text, given, runs in (
        ("", ORDER, False),
        ("", willing, False),
        ("allow_degraded = true\n", ORDER, False),
        ("allow_degraded = true\n", willing, True),
    ):
        file.write_text(text)
        door = gate(journal, policy=policy(file), contains=lambda: False)
        if runs:
            assert door.open(grant(given)) == given
            continue
        with pytest.raises(Refusal) as caught:
            door.open(grant(given))
        assert caught.value.told == "not_capable"


def test_what_a_job_may_write_is_cut_down_by_the_policy(file: Path) -> None:
    file.write_text('[files]\nwrite = ["src/**"]\ndeny = ["**/secret*"]\n[limits]\nwall_seconds = 30\n')
    left = policy(file).effective(msgspec.structs.replace(ORDER, scope=Scope()))
    assert left.outside(["src/a", "src/secret.txt", "README.md"]) == ["src/secret.txt", "README.md"]
    assert left.limits.wall_seconds == 30
