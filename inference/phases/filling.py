"""What stands for gaps where neighbours, components and clusters of whole data are looked for.

A bound leaves gaps out. Starts, and what looks for neighbours, work on distances between whole
rows: for them alone gaps are filled, by scikit-learn's ``KNNImputer``, from the five nearest of the
rows that have the feature. Nothing else of a fit sees what was filled in.
"""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor

DONORS, FEWEST = 2000, 100  # rows that gaps are filled from
LOOKS = 3e9  # gaps times donors, about a minute of a core

_last: list[tuple[weakref.ref[Tensor], int, Tensor]] = []


def filled(x: Tensor) -> Tensor:
    """Data without gaps: themselves where they have none.

    Gaps of many data are filled from an even subset of them, of 2,000 rows at most.

    Args:
        x: data, NaN where not observed, ``(N, *event)``; every feature is observed somewhere.

    Example:
        >>> filled(torch.tensor([[0.0, 1.0], [0.2, torch.nan], [9.0, 5.0]]))[1]
        tensor([0.2000, 3.0000])
    """
    missing = x.isnan()
    if not bool(missing.any()):
        return x
    for seen, version, found in _last:  # restarts and phases ask for the same
        if seen() is x and version == x._version:
            return found
    whole = _by_neighbours(x, missing)
    _last[:] = [(weakref.ref(x), x._version, whole)]
    return whole


def _by_neighbours(x: Tensor, missing: Tensor) -> Tensor:
    from sklearn.impute import KNNImputer

    rows = x.flatten(1).detach().cpu().double().numpy()
    donors = int(min(DONORS, max(FEWEST, LOOKS / int(missing.sum()))))
    some = rows[:: -(-len(rows) // donors)]
    usable = ~np.isnan(some).all(0)
    means = np.nanmean(rows, 0)
    found = np.where(np.isnan(rows), means, rows)
    found[:, usable] = KNNImputer().fit(some[:, usable]).transform(rows[:, usable])
    return torch.as_tensor(found).to(x).view_as(x)
