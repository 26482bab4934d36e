"""Where the image sets of the tests lie: PYROMIX_DATA, or ../shared/data beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def image_root() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("PYROMIX_DATA", beside))
    if not (root / "MNIST" / "raw").is_dir():
        pytest.skip("no torchvision root with MNIST: set PYROMIX_DATA to one")
    return root
