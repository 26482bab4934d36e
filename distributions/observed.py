r"""Laws of data with gaps: NaN is "not observed", and is left out.

Features that are independent given the latents are left out by leaving out their terms:

.. math:: \log p(x_{\mathrm{obs}} \mid z) = \sum_{i \in \mathrm{obs}} \log p(x_i \mid z)

(Mattei & Frellsen 2019, MIWAE, arXiv 1812.02633; Nazábal et al. 2020, HI-VAE, arXiv 1807.03653).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions.constraints import Constraint

SOMEWHERE = (0.5, 1.0, 0.0, -0.5)  # one of these lies inside nearly every support, off its edges


@singledispatch
def log_prob_by_feature(law: Distribution, x: Tensor) -> Tensor:
    """log p of each feature in nats, ``(..., *event)``, 0 where ``x`` is NaN; no gradient is NaN.

    Laws of one number, and ``Independent`` of them, are known. A law of a vector of one's own joins
    by ``@log_prob_by_feature.register(MyLaw)``, with a function of the law and x.

    Args:
        law: of a datum, features independent in it.
        x: data with gaps, ``(..., *event)``.

    Raises:
        NotImplementedError: a law of a vector that has no entry, or of numbers of which none is
            known to be inside its support.

    Example:
        >>> from pyro.distributions import Normal
        >>> law = Normal(torch.zeros(2), 1.0).to_event(1)
        >>> log_prob_by_feature(law, torch.tensor([0.0, torch.nan]))
        tensor([-0.9189,  0.0000])
    """
    if law.event_shape:
        raise NotImplementedError(
            f"{type(law).__name__} is a law of whole data, and nothing says how features are left "
            "out of it: give data without NaN, or a law that log_prob_by_feature knows"
        )
    missing = x.isnan()
    # NaN would stay in the gradient, whatever masks the value.
    value: Tensor = law.log_prob(torch.where(missing, inside(law.support), x))
    return value.masked_fill(missing, 0.0)


@log_prob_by_feature.register(Independent)
def _(law: Independent[Any], x: Tensor) -> Tensor:
    return log_prob_by_feature(law.base_dist, x)


def inside(support: Constraint | None) -> float:
    """A number inside a support of single numbers.

    Raises:
        NotImplementedError: none is known.

    Example:
        >>> from torch.distributions import constraints
        >>> inside(constraints.positive), inside(constraints.nonnegative_integer)
        (0.5, 1.0)
    """
    for value in SOMEWHERE:
        if support is not None and bool(support.check(torch.tensor(value)).all()):
            return value
    raise NotImplementedError(f"of {SOMEWHERE} none is in {support}: nothing can stand for a gap")


class ObservedLaw(TorchDistribution):
    """A law of whole data that leaves out what is not observed; draws and moments are its own.

    Args:
        law: one that :func:`log_prob_by_feature` knows.
        stretch: of what is not observed: how many times as far it spreads about its mean as the law
            says, for each feature; ``None`` for as far.

    Example:
        >>> from pyro.distributions import Normal
        >>> law = ObservedLaw(Normal(torch.zeros(2), 1.0).to_event(1))
        >>> law.log_prob(torch.tensor([[0.0, torch.nan], [torch.nan, torch.nan]]))
        tensor([-0.9189,  0.0000])
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, law: TorchDistribution, stretch: Tensor | None = None) -> None:
        self.law, self.stretch = law, stretch
        super().__init__(law.batch_shape, law.event_shape, validate_args=False)

    @property
    def unseen(self) -> TorchDistribution:
        """The law of what stands in gaps."""
        return self.law if self.stretch is None else Stretched(self.law, self.stretch)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws carry gradients."""
        return bool(self.law.has_rsample)

    @property
    def support(self) -> Constraint | None:
        """That of data without gaps."""
        return self.law.support

    @property
    def mean(self) -> Tensor:
        """Of all features, observed or not."""
        mean: Tensor = self.law.mean
        return mean

    @property
    def variance(self) -> Tensor:
        """Of all features, observed or not."""
        variance: Tensor = self.law.variance
        return variance

    def expand(self, batch_shape: Any, _instance: Any = None) -> ObservedLaw:
        """The same law for a larger batch."""
        return ObservedLaw(self.law.expand(batch_shape), self.stretch)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Whole data."""
        drawn: Tensor = self.law.sample(torch.Size(sample_shape))
        return drawn

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Whole data, with gradients."""
        drawn: Tensor = self.law.rsample(torch.Size(sample_shape))
        return drawn

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of the observed features in nats, ``(..., *event)`` to ``(...)``."""
        each = log_prob_by_feature(self.law, value)
        return each.reshape(*each.shape[: each.dim() - len(self.event_shape)], -1).sum(-1)


@log_prob_by_feature.register(ObservedLaw)
def _(law: ObservedLaw, x: Tensor) -> Tensor:
    return log_prob_by_feature(law.law, x)


class Stretched(TorchDistribution):
    """m + f (x - m), x of a law of mean m: as it is, but for how far it spreads.

    Args:
        law: of real numbers.
        factor: f, for each feature.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, law: TorchDistribution, factor: Tensor) -> None:
        self.law, self.factor = law, factor
        super().__init__(law.batch_shape, law.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """That of the law."""
        mean: Tensor = self.law.mean
        return mean

    @property
    def variance(self) -> Tensor:
        """f² times that of the law."""
        variance: Tensor = self.law.variance
        return self.factor.square() * variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of the law, moved away from its mean."""
        mean = self.law.mean
        drawn: Tensor = self.law.sample(torch.Size(sample_shape))
        return mean + self.factor * (drawn - mean)


@log_prob_by_feature.register(Stretched)
def _(law: Stretched, x: Tensor) -> Tensor:
    mean = law.law.mean
    each = log_prob_by_feature(law.law, mean + (x - mean) / law.factor)
    return each - law.factor.log().expand_as(each).masked_fill(x.isnan(), 0.0)
