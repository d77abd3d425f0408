"""The benches' servers are used here too; they stand beside the product and are not installed with it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
