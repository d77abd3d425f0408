"""`./dev` on a small project of its own: set up once, whatever happens meanwhile, and out of the way after that."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "paddock"
version = "1"
"""

# Builds the wheel of a package that is one script; stands in for hatchling, which would have to be fetched.
BACKEND = """\
import pathlib
import zipfile

INFO = "paddock-1.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: paddock\\nVersion: 1\\nProvides-Extra: demo\\n"
SCRIPT = "import sys\\ndef entry():\\n    print('paddock', *sys.argv[1:])\\n"


def build_editable(folder, settings=None, metadata=None):
    with zipfile.ZipFile(pathlib.Path(folder, "paddock-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("paddock_main.py", SCRIPT)
        wheel.writestr(INFO + "/METADATA", METADATA)
        wheel.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "/entry_points.txt", "[console_scripts]\\npaddock = paddock_main:entry\\n")
        wheel.writestr(INFO + "/RECORD", "")
    return "paddock-1-py3-none-any.whl"
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose path has a blank in it, never set up; the tests below use it one after the other."""
    path = tmp_path_factory.mktemp("dev") / "a checkout"
    path.mkdir()
    shutil.copy(ROOT / "dev", path)
    (path / "pyproject.toml").write_text(PROJECT)
    (path / "backend.py").write_text(BACKEND)
    return path


def start(checkout: Path, *args: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen([checkout / "dev", *args], cwd="/", stdout=pipe, stderr=pipe, text=True)


def call(checkout: Path, *args: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one call, made from another folder."""
    process = start(checkout, *args)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_help_names_every_verb(checkout: Path) -> None:
    code, out, err = call(checkout, "help")
    assert (code, err) == (0, "")
    assert all(
        f"\n  {verb} " in out for verb in ("demo", "serve", "paddock", "test", "check", "bench", "chaos", "help")
    )


def test_an_unknown_verb_is_bad_input(checkout: Path) -> None:
    code, out, err = call(checkout, "dmeo")
    assert (code, out) == (2, "")
    assert err.endswith("dev: there is no verb 'dmeo'\n")


def test_of_two_calls_one_makes_anew_what_was_left_half_made_and_both_go_on(checkout: Path) -> None:
    half_made = checkout / ".venv"
    (half_made / "bin").mkdir(parents=True)
    # Its pip works: nothing but the stamp says that it was never finished.
    (half_made / "bin" / "python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    home = Path(sys.base_prefix) / "bin"
    (half_made / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = true\n")
    (half_made / ".dev-stamp").write_text("unfinished")
    (half_made / "litter").touch()
    both = [start(checkout, "paddock", "one"), start(checkout, "paddock", "two")]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [out for out, _ in said] == ["paddock one\n", "paddock two\n"]
    assert sum("making" in err for _, err in said) == 1
    assert not (half_made / "litter").exists()


def test_a_call_that_finds_all_set_up_says_nothing(checkout: Path) -> None:
    assert call(checkout, "paddock", "--json", "a b") == (0, "paddock --json a b\n", "")


def test_a_changed_project_is_installed_again_in_the_same_environment(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(PROJECT + "# changed\n")
    code, out, err = call(checkout, "paddock")
    assert (code, out) == (0, "paddock\n"), err
    assert "installing" in err and "making" not in err


def test_packages_that_cannot_be_installed_end_the_call_with_their_own_words(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(PROJECT.replace('"backend"', '"nowhere"'))
    code, out, err = call(checkout, "paddock")
    assert (code, out) == (1, "")
    assert "nowhere" in err and err.endswith("dev: the packages could not be installed; the lines above say why\n")
    (checkout / "pyproject.toml").write_text(PROJECT)
    assert call(checkout, "paddock")[:2] == (0, "paddock\n")
