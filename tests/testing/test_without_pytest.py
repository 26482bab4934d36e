"""The contract runs anywhere, also where pytest is not installed."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import sys
sys.modules["pytest"] = None  # an import of it fails
from pyromix.inference import Affiliation
from pyromix.testing import check_term
check_term(Affiliation())
"""


def test_it_runs_without_pytest() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)
