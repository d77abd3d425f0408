"""Storms: the whole product on real servers while its parts are killed, cut off and restarted."""

import sys
from pathlib import Path

# The servers are started as the tests start theirs.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
