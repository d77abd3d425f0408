"""What an agent shows of its host: parts that can be read, keyed so that nobody learns or links them."""

from pathlib import Path

from paddock.agent.fingerprint import of_host
from paddock.core.fingerprint import WEIGHTS
from paddock.wire.keys import Signer

KEY, OTHER = Signer(b"1" * 32, "agent"), Signer(b"2" * 32, "agent")


def host(root: Path, machine: str = "m1", card: str = "52:54:00:00:00:01") -> Path:
    for name, text in (
        ("etc/machine-id", machine),
        ("sys/class/net/eth0/address", card),
        ("sys/class/net/eth0/device/id", ""),
        ("sys/class/net/docker0/address", "02:42:00:00:00:01"),
        ("proc/cpuinfo", "processor: 0\nmodel name\t: Some CPU\n"),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert set(of_host(KEY, host(tmp_path))) == {"machine", "network", "cpu", "name"}
    assert set(of_host(KEY)) <= set(WEIGHTS)


def test_only_what_changed_is_another_digest(tmp_path: Path) -> None:
    before = of_host(KEY, host(tmp_path))
    (tmp_path / "sys/class/net/docker0/address").write_text("02:42:00:00:00:99")
    assert of_host(KEY, tmp_path) == before
    after = of_host(KEY, host(tmp_path, card="52:54:00:00:00:02"))
    assert {part for part in before if before[part] != after[part]} == {"network"}


def test_agents_of_one_host_cannot_be_linked_and_no_serial_leaves_it(tmp_path: Path) -> None:
    one, other = of_host(KEY, host(tmp_path)), of_host(OTHER, tmp_path)
    assert not set(one.values()) & set(other.values())
    assert "52:54" not in str(one)
