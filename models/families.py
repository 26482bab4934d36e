"""The laws of single columns given z, those of one family side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from ..networks import FormName, inverse_soft_clamp, soft_clamp, soft_clamp_exp
from .location_scale import LOG_SCALE_RANGE, START

LOG_MEAN_RANGE = (-12.0, 12.0)
NEVER = -1e9  # the logit of a category that a column does not have


class Family(nn.Module):
    """The laws of n columns of one family, of encoded values ``(..., n, W)``.

    A family says what its columns' natural values are, those that its law is of (:meth:`read` and
    :meth:`write`), and what density they gain when they are the data's own (:meth:`log_volume`).

    Args:
        columns: of this family, each with ``loc``, ``scale`` and ``n_categories``.
    """

    form: ClassVar[FormName]
    outputs: ClassVar[int] = 1
    start: ClassVar[float | None] = None  # of a learnt number of each column
    widens: ClassVar[bool] = False  # whether a law of the same mean may spread further
    loc: Tensor
    scale: Tensor
    sizes: Tensor

    def __init__(self, columns: Sequence[Any]) -> None:
        super().__init__()
        for name in ("loc", "scale"):
            values = torch.tensor([getattr(each, name) for each in columns])
            self.register_buffer(name, values.to(torch.get_default_dtype()), persistent=False)
        sizes = torch.tensor([each.n_categories for each in columns])
        self.register_buffer("sizes", sizes, persistent=False)
        if self.start is not None:
            self.free = nn.Parameter(torch.full((len(columns),), self.start))

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of natural values, batch shape ``(..., n)``: of what the decoder gives, (..., n, O)."""
        raise NotImplementedError

    def read(self, y: Tensor) -> Tensor:
        """Natural values ``(..., n)`` of encoded ones, (..., n, W)."""
        return y[..., 0]

    def write(self, value: Tensor) -> Tensor:
        """Encoded values of natural ones, as :meth:`read` reads them."""
        return value.unsqueeze(-1)

    def mean(self, numbers: Tensor) -> Tensor:
        """Encoded means ``(..., n, W)``."""
        mean: Tensor = self.law(numbers).mean
        return self.write(mean)

    def variance(self, numbers: Tensor) -> Tensor:
        """Of the data's own values, ``(..., n)``."""
        variance: Tensor = self.law(numbers).variance
        return variance

    def wider(self, law: TorchDistribution, factor: Tensor) -> TorchDistribution:
        """One of these laws with as many times its spread, ``(n,)``, where there is such."""
        return law

    def log_volume(self, y: Tensor) -> Tensor:
        """log |dv / dx| of natural values v and the data's own x, ``(..., n)``."""
        return torch.zeros_like(y[..., 0])


class NormalFamily(Family):
    """The decoder gives the mean; the scale is learnt, one for each column."""

    form: ClassVar[FormName] = "real"
    widens = True
    start = float(inverse_soft_clamp(torch.tensor(START).log(), *LOG_SCALE_RANGE))

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of standardised values."""
        scale = soft_clamp(self.free, *LOG_SCALE_RANGE).exp()
        law: TorchDistribution = dist.Normal(numbers[..., 0], scale)
        return law

    def wider(self, law: TorchDistribution, factor: Tensor) -> TorchDistribution:
        """The normal law of so many times the scale."""
        found: TorchDistribution = dist.Normal(law.mean, factor * law.stddev)
        return found

    def variance(self, numbers: Tensor) -> Tensor:
        """scale² times that of standardised values."""
        return self.scale.square() * super().variance(numbers)

    def log_volume(self, y: Tensor) -> Tensor:
        """- log scale."""
        return -self.scale.log().expand(y.shape[:-1])


class HeteroscedasticFamily(NormalFamily):
    """The decoder gives mean and scale."""

    outputs = 2
    start = None  # type: ignore[assignment]

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of standardised values."""
        scale = soft_clamp_exp(numbers[..., 1], *LOG_SCALE_RANGE)
        law: TorchDistribution = dist.Normal(numbers[..., 0], scale)
        return law


class LogNormalFamily(NormalFamily):
    """As the normal one, of logarithms, whose spread moves the mean and stays as it is."""

    form = "positive"
    widens = False

    def wider(self, law: TorchDistribution, factor: Tensor) -> TorchDistribution:
        """The law itself."""
        return law

    def mean(self, numbers: Tensor) -> Tensor:
        """log E[x], standardised: not the median, which is the mean of the logarithm."""
        law = self.law(numbers)
        mean: Tensor = law.mean + 0.5 * self.scale * law.variance
        return self.write(mean)

    def variance(self, numbers: Tensor) -> Tensor:
        """(exp σ² - 1) E[x]², σ² that of the logarithm."""
        log_variance = super().variance(numbers)
        log_mean = self.loc + self.scale * self.mean(numbers)[..., 0]
        return log_variance.expm1() * (2 * log_mean).exp()

    def log_volume(self, y: Tensor) -> Tensor:
        """- log scale - log x."""
        return -self.scale.log() - (self.loc + self.scale * y[..., 0])


class BernoulliFamily(Family):
    """The decoder gives the logit."""

    form = "binary"

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of 0 and 1."""
        law: TorchDistribution = dist.Bernoulli(logits=numbers[..., 0], validate_args=False)
        return law

    def read(self, y: Tensor) -> Tensor:
        """0 or 1."""
        return (y[..., 0] > 0).to(y)

    def write(self, value: Tensor) -> Tensor:
        """∓√½."""
        return (value.unsqueeze(-1) - 0.5) / math.sqrt(0.5)


class CategoricalFamily(Family):
    """The decoder gives a logit for each category; columns with fewer are padded."""

    form = "category"

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of codes from 0."""
        codes = torch.arange(numbers.shape[-1], device=numbers.device)
        logits = numbers.masked_fill(codes >= self.sizes.unsqueeze(-1), NEVER)
        law: TorchDistribution = dist.Categorical(logits=logits, validate_args=False)
        return law

    def read(self, y: Tensor) -> Tensor:
        """The code of the largest."""
        code: Tensor = y.argmax(-1)
        return code

    def write(self, value: Tensor) -> Tensor:
        """One-hot."""
        encoded: Tensor = one_hot(value.long(), int(self.sizes.max())).to(self.loc)
        return encoded

    def variance(self, numbers: Tensor) -> Tensor:
        """None."""
        return torch.full_like(numbers[..., 0], torch.nan)

    def mean(self, numbers: Tensor) -> Tensor:
        """The probabilities."""
        probabilities: Tensor = self.law(numbers).probs
        return probabilities


class PoissonFamily(Family):
    """The decoder gives the log-rate, in units of the spread of log(n + 1), within ±12."""

    form = "count"
    widens = True

    def log_rate(self, numbers: Tensor) -> Tensor:
        """``(..., n)``."""
        return soft_clamp(self.loc + self.scale * numbers[..., 0], *LOG_MEAN_RANGE)

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of counts."""
        rate = self.log_rate(numbers).exp()
        law: TorchDistribution = dist.Poisson(rate, validate_args=False)
        return law

    def wider(self, law: TorchDistribution, factor: Tensor) -> TorchDistribution:
        """The negative binomial of the same mean and factor² times the variance, never less."""
        mean = law.mean
        excess = factor.clamp(min=1.0).square() * law.variance - mean
        total = mean.square() / excess.clamp(min=1e-3 * mean)
        found: TorchDistribution = dist.NegativeBinomial(
            total, logits=mean.log() - total.log(), validate_args=False
        )
        return found

    def read(self, y: Tensor) -> Tensor:
        """Counts."""
        return (self.loc + self.scale * y[..., 0]).expm1().round().clamp(min=0.0)

    def write(self, value: Tensor) -> Tensor:
        """Standardised log(n + 1)."""
        return ((value.log1p() - self.loc) / self.scale).unsqueeze(-1)


class NegativeBinomialFamily(PoissonFamily):
    """The same log-mean; the dispersion is learnt, one for each column."""

    start = 1.0  # softplus gives r

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of counts."""
        total = softplus(self.free) + 1e-4
        logits = self.log_rate(numbers) - total.log()
        law: TorchDistribution = dist.NegativeBinomial(total, logits=logits, validate_args=False)
        return law
