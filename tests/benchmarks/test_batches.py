"""Simulated counts in batches: a quick run, and what the committed results say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from .test_tables import script

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_known_batch_is_left_out_of_the_clusters() -> None:
    batches = script("batches")
    cells = batches.simulate(0, n=400)
    codes, clusters = batches.vade(cells, 0, known=True, epochs=30)
    blind = batches.vade(cells, 0, known=False, epochs=10)[1]
    assert codes.shape[0] == len(cells.counts)
    assert adjusted_rand_score(cells.group, clusters) > 0.8
    assert adjusted_rand_score(cells.batch, clusters) < 0.1
    assert adjusted_rand_score(cells.group, blind) < 0.5


def test_the_committed_results_are_of_three_seeds_and_reach_what_is_said() -> None:
    batches = script("batches")
    found = {
        method: [json.loads(batches.path_of(method, seed).read_text()) for seed in batches.SEEDS]
        for method in batches.METHODS
    }
    known, blind = (
        np.array([[each[key] for key in ("ari_groups", "ari_batches")] for each in found[method]])
        for method in ("VaDE, covariates", "VaDE, blind")
    )
    assert (known[:, 0] >= 0.9).all()
    assert (blind[:, 1] > blind[:, 0]).all()
    assert batches.table().count("\n") == 1 + len(batches.METHODS)
