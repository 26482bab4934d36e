"""The table of unlike sizes in the documentation is that of the results beside the command."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("imbalance", ROOT / "benchmarks/imbalance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_results(tmp_path: Path) -> None:
    imbalance = script()
    found = imbalance.table()
    assert found in (ROOT / "docs/results.md").read_text(encoding="utf-8")
    _, labels = imbalance.groups(99, 0)
    assert np.bincount(labels).tolist() == [891, 9]
    measured = imbalance.measure("GaussianMixture", 90, 0)
    assert measured["accuracy"] > 0.99
    for seed in (0, 1):
        path = tmp_path / f"dhvc-shares-given-90-{seed}.json"
        path.write_text(json.dumps({**measured, "accuracy": 0.5 + seed / 2, "balanced": 0.5}))
    assert imbalance.table(tmp_path).splitlines()[2] == (
        "| dhvc, shares given | 2 |  | 0.750 (0.500) |  |"
    )
