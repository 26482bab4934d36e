"""The continuous Bernoulli law, right at every logit."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import TorchDistribution, constraints
from scipy.special import bernoulli
from torch import Tensor
from torch.nn import functional as F

from .batch import Shape

_TERMS = 10
_NEAR = 0.5  # the series' next term is 1e-17 there
_BERNOULLI = bernoulli(2 * _TERMS)[2::2]
_MEAN = tuple(b / math.factorial(2 * n) for n, b in enumerate(_BERNOULLI, 1))
_VARIANCE = tuple((2 * n - 1) * c for n, c in enumerate(_MEAN, 1))
_LOG_NORMALISER = tuple((4**n - 2) / (2 * n) * c for n, c in enumerate(_MEAN, 1))


class ContinuousBernoulli(TorchDistribution):
    r"""The law on [0, 1] whose log-density is linear: Bernoulli's score, normalised.

    .. math:: \log p(x) = x \log\sigma(\lambda) + (1 - x) \log\sigma(-\lambda)
        + \log\frac{\lambda}{\tanh(\lambda / 2)}

    Densities are in nats. They, the moments and all gradients are finite and right at every logit,
    0 among them. torch's law of that name clamps its probabilities: at a logit of -20 it integrates
    to .80 in float32, with a mean of .063 for .050.

    Args:
        logits: λ, of shape ``(*B,)``.

    Example:
        >>> law = ContinuousBernoulli(torch.tensor([-50.0, 0.0, 50.0]))
        >>> law.mean
        tensor([0.0200, 0.5000, 0.9800])

    References:
        Loaiza-Ganem & Cunningham (2019). The continuous Bernoulli. arXiv 1907.06845, equations 7
        to 9.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real}
    support = constraints.unit_interval
    logits: Tensor

    def __init__(self, logits: Tensor, *, validate_args: bool | None = None) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Self | None = None) -> Self:
        new: Self = self._get_checked_instance(ContinuousBernoulli, _instance)  # type: ignore[no-untyped-call]
        new.logits = self.logits.expand(torch.Size(batch_shape))
        TorchDistribution.__init__(new, torch.Size(batch_shape), validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """1/(1 - e^-λ) - 1/λ: ``(*B,)``."""
        near, small, large = self._split()
        tail = torch.exp(-large) / -torch.expm1(-large)
        below = 1 / large - tail  # the mean at -|λ|, with no digit lost
        mean = torch.where(self.logits < 0, below, 1 - below)
        return torch.where(near, 0.5 + small * _series(_MEAN, small.square()), mean)

    @property
    def variance(self) -> Tensor:
        """1/λ² - 1/(2 sinh(λ/2))²: ``(*B,)``."""
        near, small, large = self._split()
        tail = torch.exp(-large) / torch.expm1(-large).square()
        return torch.where(near, _series(_VARIANCE, small.square()), large.pow(-2) - tail)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        score = -F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return score + self._log_normaliser()

    def sample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draws by the inverse of the distribution function: ``(*sample_shape, *B)``."""
        with torch.no_grad():
            shape = self._extended_shape(sample_shape)
            uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
            # As λ goes to 0 the formula goes to u, and does so in floating point too.
            size = self.logits.abs().clamp(min=torch.finfo(self.logits.dtype).tiny)
            below = -torch.log1p(uniform * torch.expm1(-size)) / size
            below = below.clamp(max=1.0)
            return torch.where(self.logits < 0, below, 1 - below)

    def _log_normaliser(self) -> Tensor:
        near, small, large = self._split()
        square = small.square()
        series = math.log(2) + square * _series(_LOG_NORMALISER, square)
        tail = torch.exp(-large)
        return torch.where(near, series, large.log() + tail.log1p() - torch.log1p(-tail))

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where λ is near 0, λ there and 0 elsewhere, |λ| elsewhere and 1 there."""
        near = self.logits.abs() < _NEAR
        large = self.logits.abs().masked_fill(near, 1.0)
        return near, self.logits.masked_fill(~near, 0.0), large


def _series(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
