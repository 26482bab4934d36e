"""The picture of how many clusters there are shows what is known, and nothing touches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pyromix.evaluation import number_picture

from .reading import crowded

KS = list(range(1, 13))
TABLE = pd.DataFrame(
    {
        "n_clusters": KS,
        "separate": [float(min(k, 7)) for k in KS],
        "modularity": [1 - 1 / k for k in KS],
        "agreement": [1.0 if k == 7 else 0.8 for k in KS],
        "occupied": [float(k) for k in KS],
        "held_out_bound": [-30.0 + k for k in KS],
    }
)


@pytest.mark.parametrize(
    ("columns", "panels"),
    [
        (["n_clusters", "separate"], 1),
        (["n_clusters", "separate", "modularity", "agreement"], 2),
        (list(TABLE), 3),
    ],
)
def test_it_draws_what_is_known(columns: list[str], panels: int) -> None:
    figure = number_picture(TABLE[columns], best_k=7)
    assert len(figure.axes) == panels
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert np.array_equal(np.asarray(lines["that stand apart"].get_ydata()), TABLE.separate)
    assert ("occupied" in lines) == (panels == 3)
    assert figure.get_suptitle() == "How many clusters: 7"
    assert crowded(figure) == []
