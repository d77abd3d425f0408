"""What the control plane keeps of a run's output holds no secret, also from an agent that covers none."""

from pathlib import Path

from paddock.control.logs import LogFiles
from paddock.control.redacted_logs import RedactedLogs

TOKEN = b"ghp_" + b"a1B2" * 9
OUTPUT = b"x" * 10_000 + b"\ntoken " + TOKEN + b" used\n" + b"y" * 10_000


async def test_a_token_across_two_chunks_is_covered_for_every_reader(tmp_path: Path) -> None:
    logs = RedactedLogs(LogFiles(tmp_path))
    cut = OUTPUT.index(TOKEN) + 20
    assert await logs.append("j1", 1, "log", 0, OUTPUT[:cut]) == cut
    assert await logs.append("j1", 1, "log", cut, OUTPUT[cut:]) == len(OUTPUT) == await logs.size("j1", 1, "log")
    wanted = OUTPUT.replace(TOKEN, b"*" * len(TOKEN))
    assert await logs.read("j1", 1, "log", 0) == wanted
    for offset, most in ((cut, 50), (cut - 5, 10), (cut + 5, 3), (0, cut), (len(OUTPUT), 10), (9_000, 5_000)):
        assert await logs.read("j1", 1, "log", offset, most) == wanted[offset : offset + most]


async def test_a_chunk_sent_twice_is_stored_once_and_a_diff_is_shown_as_it_is(tmp_path: Path) -> None:
    logs = RedactedLogs(LogFiles(tmp_path))
    line = b"the key is " + TOKEN + b"\n"
    for _ in range(2):
        assert await logs.append("j1", 1, "log", 0, line) == len(line)
    assert TOKEN not in b"".join(path.read_bytes() for path in tmp_path.rglob("*log"))
    await logs.append("j1", 1, "diff", 0, line)
    assert await logs.read("j1", 1, "diff", 0) == line
