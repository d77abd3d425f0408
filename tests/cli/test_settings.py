"""Settings: flag before environment before file before default, and a clear word for what cannot be used."""

import subprocess
import sys
from pathlib import Path

import pytest

from paddock import settings
from paddock.core.errors import BadInput


def load(home: Path, env: dict[str, str] | None = None, **flags: object) -> settings.Settings:
    return settings.load({"home": str(home), **flags}, env or {})


def told(home: Path, env: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(BadInput) as caught:
        load(home, env, **flags)
    return caught.value.message


def test_each_source_wins_over_the_next(tmp_path: Path) -> None:
    assert load(tmp_path).port == 8420
    (tmp_path / "paddock.toml").write_text("port = 1111\nslots = 3\n")
    assert load(tmp_path).port == 1111
    assert load(tmp_path, {"PADDOCK_PORT": "2222"}).port == 2222
    found = load(tmp_path, {"PADDOCK_PORT": "2222"}, port="3333")
    assert (found.port, found.slots) == (3333, 3)


def test_a_verbs_own_default_is_the_weakest_word(tmp_path: Path) -> None:
    assert settings.load({"home": str(tmp_path)}, {}, {"beat_seconds": 5.0}).beat_seconds == 5.0
    assert settings.load({"home": str(tmp_path), "beat_seconds": "7"}, {}, {"beat_seconds": 5.0}).beat_seconds == 7.0


def test_the_control_plane_is_the_one_that_works_on_the_home_unless_told(tmp_path: Path) -> None:
    assert load(tmp_path).server == "http://127.0.0.1:8420"
    (tmp_path / settings.ADDRESS).write_text("http://127.0.0.1:9")
    assert load(tmp_path).server == "http://127.0.0.1:9"
    assert load(tmp_path, {"PADDOCK_SERVER": "http://h:1"}).server == "http://h:1"
    for text in ("", "\0", "https://h:1", "x"):  # cut short, or not ours
        (tmp_path / settings.ADDRESS).write_text(text)
        assert load(tmp_path).server == "http://127.0.0.1:8420"


def test_paths_follow_from_home_and_name(tmp_path: Path) -> None:
    found = load(tmp_path, {}, name="one")
    assert (found.work, found.state) == (tmp_path / "work", tmp_path / "agents" / "one")
    assert load(tmp_path, {"PADDOCK_WORK": "/elsewhere"}).work == Path("/elsewhere")


def test_the_home_follows_the_desktop_convention() -> None:
    assert settings.load({}, {"HOME": "/h"}).home == Path("/h/.local/state/paddock")
    assert settings.load({}, {"HOME": "/h", "XDG_STATE_HOME": "/x"}).home == Path("/x/paddock")
    assert settings.load({}, {"HOME": "/h", "XDG_STATE_HOME": "relative"}).home == Path("/h/.local/state/paddock")


def test_a_lease_lasts_three_beats_unless_told(tmp_path: Path) -> None:
    assert load(tmp_path, {}, beat_seconds="2").lease_ms == 6_000
    assert load(tmp_path, {}, beat_seconds="2", lease_seconds="9").lease_ms == 9_000


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "http", "PADDOCK_PORT: 'http' is no whole number"),
        ("PORT", "0", "PADDOCK_PORT: 0 is too small"),
        ("PORT", "65536", "PADDOCK_PORT: 65536 is too large"),
        ("SLOTS", "-1", "PADDOCK_SLOTS: -1 is too small"),
        ("BEAT_SECONDS", "soon", "PADDOCK_BEAT_SECONDS: 'soon' is no number"),
        ("BEAT_SECONDS", "nan", "PADDOCK_BEAT_SECONDS: 'nan' is no number"),
        ("ALLOW_DEGRADED", "maybe", "PADDOCK_ALLOW_DEGRADED: 'maybe' is no switch (true or false)"),
        ("LOG_LEVEL", "loud", "PADDOCK_LOG_LEVEL: 'loud' is none of debug, info, warning, error"),
    ],
)
def test_a_bad_value_names_its_variable(tmp_path: Path, name: str, value: str, words: str) -> None:
    assert told(tmp_path, {f"PADDOCK_{name}": value}) == words


def test_a_bad_flag_names_the_flag(tmp_path: Path) -> None:
    assert told(tmp_path, {}, beat_seconds="x") == "--beat: 'x' is no number"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "unknown setting 'prot'"),
        ("home = '/x'", "unknown setting 'home'"),
        ("port = '8420x'", "port: '8420x' is no whole number"),
        ("port = true", "port: True is no whole number"),
        ("kinds = [1]", "kinds: [1] is no list of texts, separated by commas"),
        ("port =", "Invalid value"),
    ],
)
def test_a_bad_file_names_itself_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "paddock.toml").write_text(text)
    message = told(tmp_path)
    assert message.startswith(f"{tmp_path / 'paddock.toml'}: ") and words in message


def test_an_unknown_key_gets_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").write_text("prot = 1")
    with pytest.raises(BadInput) as caught:
        load(tmp_path)
    assert caught.value.hint == "did you mean port?"


def test_lists_come_from_texts_and_from_lists(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").write_text('capabilities = ["gpu", "arm"]')
    assert load(tmp_path).capabilities == ("gpu", "arm")
    assert load(tmp_path, {"PADDOCK_CAPABILITIES": "gpu, arm,"}).capabilities == ("gpu", "arm")


def test_the_token_comes_from_the_environment_or_a_file_never_a_flag(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("act_file\n")
    assert load(tmp_path).secret() == ""
    assert load(tmp_path, {"PADDOCK_TOKEN": "act_env"}).secret() == "act_env"
    assert load(tmp_path, {}, token_file=str(tmp_path / "token")).secret() == "act_file"
    assert settings.TABLE["token"].flag == ""
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path, {}, token_file=str(tmp_path / "none")).secret()


def test_the_reference_page_names_every_setting() -> None:
    page = settings.as_markdown()
    assert all(f"| `{name}` | `PADDOCK_{name.upper()}` |" in page for name in settings.TABLE)
    assert all(row.about and row.where for row in settings.TABLE.values())


def test_importing_them_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import paddock.settings; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["paddock", "paddock.settings"]
