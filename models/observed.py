"""A likelihood of whole data as one of data with gaps: NaN is "not observed"."""

from __future__ import annotations

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn

from ..distributions import ObservedLaw
from ..distributions.observed import inside
from ..parts import heeded
from .likelihood import Likelihood


class Observed(Likelihood, abstract=True):
    r"""What a likelihood says of the features that are observed, where x is not NaN.

    .. math:: \log p(x_{\mathrm{obs}} \mid z) = \sum_{i \in \mathrm{obs}} \log p(x_i \mid z)

    It scores whole data as the likelihood within does, to the bit. Draws and means are of whole
    data. What stands in gaps may spread further about its mean than what a fit has seen:
    ``stretch``, ``(*event)``, says by how much, where data are real numbers; it is 1 until
    :func:`pyromix.inference.calibrate_gaps` has measured it.

    Args:
        inner: the likelihood of whole data, whose features are independent given z: the law it
            gives is one that :func:`pyromix.distributions.log_prob_by_feature` knows.

    Example:
        >>> from pyromix.models import Bernoulli
        >>> likelihood = Observed(Bernoulli(nn.Linear(2, 3), (3,)))
        >>> x = torch.tensor([[1.0, torch.nan, 0.0]])
        >>> likelihood.distribution(torch.zeros(1, 2)).log_prob(x).isfinite()
        tensor([True])

    References:
        Mattei & Frellsen (2019). MIWAE: deep generative modelling and imputation of incomplete data
        sets. arXiv 1812.02633, equation 3.
    """

    leaves_gaps = True
    stretch: Tensor

    def __init__(self, inner: Likelihood) -> None:
        super(Likelihood, self).__init__()  # the decoder is the inner one's
        self.inner = inner
        self.event_shape = inner.event_shape
        self.companions = inner.companions
        self.support, self.support_words = inner.support, inner.support_words  # type: ignore[misc]
        self.is_density = inner.is_density  # type: ignore[misc]
        self.register_buffer("stretch", torch.ones(self.event_shape))

    @property
    def stretches(self) -> bool:
        """Whether there is a spread about a mean to be measured: data are real numbers."""
        return self.support is constraints.real

    @property
    def reals(self) -> Tensor:
        """Which features are real numbers that may spread further, ``(*event)``: all, or none."""
        return torch.full_like(self.stretch, self.stretches, dtype=torch.bool)

    @property
    def counts(self) -> Tensor:
        """Which features are counts that may: none."""
        return torch.zeros_like(self.stretch, dtype=torch.bool)

    @property
    def decoder(self) -> nn.Module:  # type: ignore[override]
        """The inner likelihood's decoder."""
        return self.inner.decoder

    def distribution(self, z: Tensor, **companions: Tensor) -> TorchDistribution:
        """The inner law, of what is observed: ``(..., D)`` to batch shape ``(...)``."""
        stretch = self.stretch if self.stretches else None
        return ObservedLaw(self.inner.given(z, **companions), stretch)

    def mean(self, z: Tensor, **companions: Tensor) -> Tensor:
        """E[x | z] of all features: ``(..., D)`` to ``(..., *event)``."""
        return self.inner.mean(z, **heeded(self.inner, companions))

    def coordinates(self, x: Tensor, **companions: Tensor) -> Tensor:
        """Those of the likelihood within."""
        return self.inner.coordinates(x, **companions)

    def check(self, x: Tensor) -> None:  # type: ignore[override]
        """Refuse observed values outside the support of the likelihood within.

        Raises:
            ValueError: names the first value outside and what would do.
        """
        self.inner.check(torch.where(x.isnan(), inside(self.support), x))

    def __repr__(self) -> str:
        return f"Observed({self.inner!r})"
