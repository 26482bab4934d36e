"""The encoder of an estimator: a pair's own, with layers about it for all else that a row has."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..networks import Conditioned, LadderNetworks, LogCounts, Networks, log_counts, masked


def encoder_for(
    pair: Networks | LadderNetworks,
    event_shape: tuple[int, ...],
    n_facets: int,
    *,
    n_covariates: int = 0,
    fill: Tensor | None = None,
    hide: float = 0.0,
    sized: bool = False,
) -> nn.Module:
    """A new encoder of data ``(B, *event)``, and of the companions that go with them.

    Args:
        pair: what makes it; its sizes are those for data of this shape, whatever is beside them.
        event_shape: shape of one datum.
        n_facets: of a ladder.
        n_covariates: P, which it sees after the data.
        fill: of data with gaps: what it sees of each feature there, ``(*event)``.
        hide: of data with gaps: how much it is not to see besides, in training.
        sized: data are counts of rows that have sizes, whose logarithms it sees.

    Example:
        >>> from pyromix.networks import Perceptron
        >>> encoder = encoder_for(Perceptron(8), (3,), 1, n_covariates=2, sized=True)
        >>> encoder.companions
        ('size_factors', 'covariates')
    """
    more: tuple[Any, ...] = (n_facets,) if isinstance(pair, LadderNetworks) else ()
    if fill is not None or n_covariates:
        pair = pair.settled(event_shape, *more) if hasattr(pair, "settled") else pair

    def conditioned(shape: tuple[int, ...]) -> nn.Module:
        own: nn.Module = pair.encoder((shape[0] + n_covariates, *shape[1:]), *more)
        return Conditioned(own, n_covariates) if n_covariates else own

    if fill is None:
        encoder = conditioned(event_shape)
    else:
        whole = fill.sum().reshape(1)  # gaps are filled where logarithms have been taken
        own = log_counts(fill.unsqueeze(0), whole)[0] if sized else fill
        encoder = masked(conditioned, own, hide)
    return LogCounts(encoder) if sized else encoder


def shown(n_covariates: int, *, sized: bool) -> dict[str, Tensor]:
    """Companions of two data, to look at what an encoder makes of them."""
    found = {"covariates": torch.zeros(2, n_covariates)} if n_covariates else {}
    return found | ({"size_factors": torch.ones(2)} if sized else {})
