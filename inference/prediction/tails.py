"""The tails of importance weights, whose shape says whether weighting can be trusted."""

from __future__ import annotations

import math

import torch
from pyro.ops.stats import fit_generalized_pareto
from torch import Tensor

FEWEST_IN_TAIL = 5
ALIKE = 1e-3


def pareto_shapes(log_weight: Tensor) -> Tensor:
    """The shape k̂ of the tail of each datum's importance weights: ``(S, N)`` to ``(N,)``.

    NaN where fewer than 25 draws leave no tail to fit, and 0 where all weights are alike within a
    thousandth: the guide is the posterior, and what is left of a tail is rounding.
    """
    size = math.ceil(min(0.2 * len(log_weight), 3 * math.sqrt(len(log_weight))))
    if size < FEWEST_IN_TAIL:
        return torch.full_like(log_weight[0], math.nan)
    weights = (log_weight - log_weight.max(0).values).double().exp().sort(0).values
    tails = (weights[-size:] - weights[-size - 1]).T
    alike = weights[-1] - weights[0] < ALIKE
    return torch.tensor(
        [0.0 if same else _shape(tail) for tail, same in zip(tails, alike, strict=True)]
    )


def _shape(tail: Tensor) -> float:
    above = tail[tail > 0]
    return float(fit_generalized_pareto(above)[0]) if len(above) >= FEWEST_IN_TAIL else math.nan
