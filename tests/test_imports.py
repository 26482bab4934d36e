"""What is imported only where it is used: the estimators come without plots, UMAP or compilers."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    "arviz",
    "lightning_fabric",
    "matplotlib",
    "numba",
    "sklearn.cluster",
    "sklearn.datasets",
    "sklearn.decomposition",
    "sklearn.metrics",
    "sklearn.mixture",
    "sklearn.neighbors",
    "torch._dynamo",
    "torchvision",
    "umap",
    "zuko",
)


def test_the_estimators_come_alone() -> None:
    script = f"import sys, pyromix.estimators; print(sorted(set({LATER}) & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
