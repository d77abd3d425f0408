"""The client imports without anything that Paddock depends on."""

import subprocess
import sys
from pathlib import Path

import paddock

SOURCE = Path(paddock.__file__).parents[1]
CODE = f"""
import sys
sys.path.insert(0, {str(SOURCE)!r})
import paddock.client, paddock.state, paddock.topics
loaded = {{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names) - {{"paddock", "__main__"}}
assert not loaded, loaded
"""


def test_it_needs_the_standard_library_alone() -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", CODE], check=True, timeout=60)
