"""Named terms of the objective: scalar functionals of the responsibilities and the prior weights.

The loss is the negative bound plus, for each term, its weight times its value (maths of the zoo:
everything the seed papers add to the bound has this form).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from .schedules import Schedule, as_schedule


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy in nats of each row: ``(..., K)`` to ``(...)``; zeros count nothing."""
    terms: Tensor = torch.special.xlogy(probabilities, probabilities.clamp(min=1e-38))
    return -terms.sum(-1)


class Term:
    """One term of the objective.

    Args:
        weight: a number, or a schedule over optimiser steps.
    """

    name: ClassVar[str]

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        self.weight = as_schedule(weight)

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        """The unweighted value in nats, to be minimised.

        Args:
            responsibilities: q(c | x), ``(..., B, K)``.
            weights: p(c), ``(K,)``.
        """
        raise NotImplementedError


class InformationFloor(Term):
    r"""GMVAE's minimum information constraint: the clustering may not be worth less than λ nats.

    .. math:: \max\bigl(0,\; \lambda - \operatorname{mean}_x
        \operatorname{KL}(\gamma(x) \,\|\, \pi)\bigr)

    Added to a KL of the same value it gives ``max(λ, KL)``. Without it clusters merge early.

    Args:
        floor: λ in nats; useful only below log K.
        weight: a number, or a schedule over optimiser steps.

    Raises:
        ValueError: a negative floor.

    Example:
        >>> InformationFloor(0.5)(torch.full((8, 10), 0.1), torch.full((10,), 0.1))
        tensor(0.5000)

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648, section 3.4.
    """

    name = "information_floor"

    def __init__(self, floor: float = 0.5, weight: float | Schedule = 1.0) -> None:
        super().__init__(weight)
        if floor < 0:
            raise ValueError(f"floor is {floor}: a number of nats cannot be negative")
        self.floor = floor

    def __call__(self, responsibilities: Tensor, weights: Tensor) -> Tensor:
        log_weights = weights.clamp(min=1e-38).log()
        kl = -entropy(responsibilities) - (responsibilities * log_weights).sum(-1)
        return (self.floor - kl.mean()).clamp(min=0.0)
