"""Finds the example where it stands."""

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "directory_layer"
sys.path.insert(0, str(EXAMPLE))
