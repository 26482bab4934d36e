"""Groups of unlike sizes that stand apart: what a press for equal shares would cut."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..objectives import unlike_shares
from .choice import BestOf, likeliest
from .filling import filled
from .graph import principal_components
from .manifold import SpectralStart
from .start import Features
from .starts import GaussianMixtureStart
from .valleys import NO_VALLEY, separate_clusters

SOME = 5000  # data that groups are looked for among, an even subset of more
COMPONENTS = 30
STARTS = BestOf(
    (
        GaussianMixtureStart(on="data", n_components=COMPONENTS),
        SpectralStart(),
        SpectralStart(n_neighbours=5),
    )
)


def unlike_groups(x: Tensor, n_clusters: int, seed: int = 0) -> Features | None:
    """Groups of the data, if they are of unlike sizes and stand apart, all of them.

    They are the best of a Gaussian mixture and spectral clustering (:class:`BestOf`). No labels are
    looked at.

    Args:
        x: data, ``(N, *event)``.
        n_clusters: K.
        seed: of the starts.

    Returns:
        ``(N, K)``, rows of zeros where there are more than 5,000 data and a row was not looked at;
        ``None`` where sizes are alike, or two groups are one.

    Example:
        >>> far = 9.0 * (torch.arange(200) < 20).unsqueeze(-1)
        >>> groups = unlike_groups(torch.randn(200, 3) + far, 2)
        >>> groups is not None and sorted(groups.sum(0).tolist())
        [20.0, 180.0]
        >>> unlike_groups(torch.randn(200, 3), 2) is None
        True
    """
    if n_clusters < 2 or len(x) < 10 * n_clusters:
        return None
    every = slice(None, None, -(-len(x) // SOME))
    rows = filled(x).flatten(1).detach().cpu().double().numpy()[every]
    found = likeliest(STARTS.groups(rows, n_clusters, seed))
    groups = np.zeros((len(x), n_clusters))
    groups[every] = np.eye(n_clusters)[found]
    if unlike_shares(torch.from_numpy(groups.sum(0))) is None:
        return None
    places = principal_components(rows, COMPONENTS, seed)
    if separate_clusters(places, found, NO_VALLEY) < n_clusters:
        return None
    return groups
