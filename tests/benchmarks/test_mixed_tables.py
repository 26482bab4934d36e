"""The benchmark of mixed tables: its truth is true, and the groups that it has are found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from sklearn.metrics import adjusted_rand_score

from pyromix import VaDE

PATH = Path(__file__).parents[2] / "benchmarks" / "tables.py"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mixed_tables_benchmark", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_truth_is_true(tables: ModuleType) -> None:
    """Rows follow the marginals that are said to be theirs, and groups can be told apart."""
    frame, truth = tables.synthetic(4000)
    distances = tables.pit_distances(frame, seed=0)
    assert len(distances) == 6
    assert max(distances.values()) < 1.95 / 4000**0.5  # one in a thousand is above, by column
    assert adjusted_rand_score(truth, tables.best_labels(frame)) > 0.97


def test_bundled_sets_have_columns_of_every_kind(tables: ModuleType) -> None:
    frame, labels = tables.binned(tables.load_wine)
    assert len(labels) == len(frame) == 178
    kinds = {str(dtype).replace("object", "str") for dtype in frame.dtypes}  # as pandas 2 has it
    assert kinds == {"float64", "int64", "str", "bool"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_known_groups_and_marginals_are_found(tables: ModuleType, seed: int) -> None:
    frame, truth = tables.synthetic()
    mixture = VaDE(n_clusters=4, columns={"income": "log-normal"}, random_state=seed).fit(frame)
    assert adjusted_rand_score(truth, mixture.labels_) > 0.95
    drawn, _ = mixture.sample(20_000, seed=seed)
    assert max(tables.pit_distances(drawn, seed).values()) < 0.15
