"""A likelihood of standardised data as one of data in units of their own."""

from __future__ import annotations

import torch
from pyro.distributions import TorchDistribution, TransformedDistribution
from pyro.distributions.transforms import AffineTransform
from torch import Tensor, nn

from ..distributions import log_prob_by_feature
from ..networks import Scaling
from ..parts import heeded
from .likelihood import Likelihood


class Rescaled(TransformedDistribution):  # type: ignore[misc]
    """loc + scale · y, y of a law; beside the density it knows mean and variance.

    Args:
        law: of y.
        loc: of each feature.
        scale: of each feature.
    """

    def __init__(self, law: TorchDistribution, loc: Tensor, scale: Tensor) -> None:
        self.law, self.loc, self.scale = law, loc, scale
        super().__init__(law, [AffineTransform(loc, scale, event_dim=len(law.event_shape))])

    @property
    def mean(self) -> Tensor:
        """loc + scale · E[y]."""
        mean: Tensor = self.loc + self.scale * self.law.mean
        return mean

    @property
    def variance(self) -> Tensor:
        """scale² · Var[y]."""
        variance: Tensor = self.scale**2 * self.law.variance
        return variance


@log_prob_by_feature.register(Rescaled)
def _(law: Rescaled, x: Tensor) -> Tensor:
    each = log_prob_by_feature(law.law, (x - law.loc) / law.scale)
    return each - torch.where(x.isnan(), torch.zeros_like(x), law.scale.log())


class Standardised(Likelihood, abstract=True):
    r"""What a likelihood of y = (x - loc) / scale says of x, in nats of x's units.

    .. math:: \log p(x \mid z) = \log p(y \mid z) - \sum_i \log \mathrm{scale}_i

    Args:
        inner: the likelihood of y, whose support is all numbers.
        scaling: from x to y.

    Example:
        >>> import torch
        >>> from pyromix.models import Normal
        >>> inner = Normal(nn.Linear(2, 1), (1,), scale=1.0)
        >>> law = Standardised(inner, Scaling(torch.tensor([7.0]), torch.tensor([3.0])))
        >>> law.distribution(torch.zeros(5, 2)).variance.unique()
        tensor([9.])
    """

    def __init__(self, inner: Likelihood, scaling: Scaling) -> None:
        super(Likelihood, self).__init__()  # the decoder is the inner one's
        self.inner = inner
        self.scaling = scaling
        self.event_shape = inner.event_shape
        self.companions = inner.companions
        self.is_density = inner.is_density  # type: ignore[misc]

    @property
    def decoder(self) -> nn.Module:  # type: ignore[override]
        """The inner likelihood's decoder, which gives standardised data."""
        return self.inner.decoder

    def distribution(self, z: Tensor, **companions: Tensor) -> TorchDistribution:
        """The inner law, rescaled."""
        inner = self.inner.given(z, **companions)
        law: TorchDistribution = Rescaled(inner, self.scaling.loc, self.scaling.scale)
        return law

    def mean(self, z: Tensor, **companions: Tensor) -> Tensor:
        """E[x | z]: ``(..., D)`` to ``(..., *event)``."""
        inner = self.inner.mean(z, **heeded(self.inner, companions))
        mean: Tensor = self.scaling.loc + self.scaling.scale * inner
        return mean

    def __repr__(self) -> str:
        return f"Standardised({self.inner!r})"
