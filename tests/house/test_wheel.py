"""What is installed is whole: every file of the package travels in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def test_every_file_of_the_package_is_in_the_wheel(tmp_path: Path) -> None:
    wanted = {
        str(path.relative_to(SRC))
        for path in (SRC / "paddock").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    assert wanted - shipped == set()
