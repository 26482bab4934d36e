"""Laws of single columns of a table given z, those of one family side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from ..networks import Form, FormName, inverse_soft_clamp, soft_clamp, soft_clamp_exp
from ..parts import Count, Part, Positive, check_fields
from .location_scale import LOG_SCALE_RANGE, START

LOG_MEAN_RANGE = (-12.0, 12.0)
NEVER = -1e9  # the logit of a category that a column does not have

FamilyName = Literal[
    "normal",
    "heteroscedastic-normal",
    "log-normal",
    "bernoulli",
    "categorical",
    "poisson",
    "negative-binomial",
]


@dataclass(frozen=True)
class ColumnLaw(Part, kind="column"):
    """Which law a column has given z, in which units.

    Args:
        family: ``"normal"`` (a mean from the decoder, a learnt scale), ``"heteroscedastic-normal"``
            (both from the decoder), ``"log-normal"``, ``"bernoulli"`` of 0 and 1, ``"categorical"``
            of codes from 0, ``"poisson"`` or ``"negative-binomial"`` (a learnt dispersion).
        loc: the column's mean; of a log-normal that of its logarithm, of counts n that of log(n+1).
        scale: the spread of the same.
        n_categories: of a categorical.

    Example:
        >>> ColumnLaw("categorical", n_categories=3).outputs
        3
    """

    family: FamilyName
    loc: float = 0.0
    scale: Positive = 1.0
    n_categories: Count = 1

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def form(self) -> Form:
        """How it is encoded."""
        return Form(FAMILIES[self.family].form, self.loc, self.scale, self.n_categories)

    @property
    def outputs(self) -> int:
        """How many numbers the decoder gives for it."""
        categorical = self.family == "categorical"
        return self.n_categories if categorical else FAMILIES[self.family].outputs


class Family(nn.Module):
    """The laws of n columns of one family, of encoded values ``(..., n, W)``.

    A family says what its columns' natural values are, those that its law is of (:meth:`read` and
    :meth:`write`), and what density they gain when they are the data's own (:meth:`log_volume`).

    Args:
        columns: of this family.
    """

    form: ClassVar[FormName]
    outputs: ClassVar[int] = 1
    start: ClassVar[float | None] = None  # of a learnt number of each column
    loc: Tensor
    scale: Tensor
    sizes: Tensor

    def __init__(self, columns: Sequence[ColumnLaw]) -> None:
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

    def log_volume(self, y: Tensor) -> Tensor:
        """log |dv / dx| of natural values v and the data's own x, ``(..., n)``."""
        return torch.zeros_like(y[..., 0])


class NormalFamily(Family):
    """The decoder gives the mean; the scale is learnt, one for each column."""

    form: ClassVar[FormName] = "real"
    start = float(inverse_soft_clamp(torch.tensor(START).log(), *LOG_SCALE_RANGE))

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of standardised values."""
        scale = soft_clamp(self.free, *LOG_SCALE_RANGE).exp()
        law: TorchDistribution = dist.Normal(numbers[..., 0], scale)
        return law

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
    """As the normal one, of logarithms."""

    form = "positive"

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

    def log_rate(self, numbers: Tensor) -> Tensor:
        """``(..., n)``."""
        return soft_clamp(self.loc + self.scale * numbers[..., 0], *LOG_MEAN_RANGE)

    def law(self, numbers: Tensor) -> TorchDistribution:
        """Of counts."""
        rate = self.log_rate(numbers).exp()
        law: TorchDistribution = dist.Poisson(rate, validate_args=False)
        return law

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


FAMILIES: dict[str, type[Family]] = {
    "normal": NormalFamily,
    "heteroscedastic-normal": HeteroscedasticFamily,
    "log-normal": LogNormalFamily,
    "bernoulli": BernoulliFamily,
    "categorical": CategoricalFamily,
    "poisson": PoissonFamily,
    "negative-binomial": NegativeBinomialFamily,
}
