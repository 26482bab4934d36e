"""Simulated counts in batches: clusters follow a batch that is unknown, and not one that is."""

from __future__ import annotations

import pytest
from sklearn.metrics import adjusted_rand_score

from .test_tables import script

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_known_batch_is_left_out_of_the_clusters() -> None:
    batches = script("batches")
    cells = batches.simulate(0, n=400)
    codes, clusters = batches.vade(cells, 0, known=True, epochs=30, start=batches.MIXTURE)
    blind = batches.vade(cells, 0, known=False, epochs=10, start=batches.MIXTURE)[1]
    assert codes.shape[0] == len(cells.counts)
    assert adjusted_rand_score(cells.group, clusters) > 0.8
    assert adjusted_rand_score(cells.batch, clusters) < 0.1
    assert adjusted_rand_score(cells.group, blind) < 0.5
