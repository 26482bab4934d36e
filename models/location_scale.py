"""Likelihoods of real data: symmetric noise about what the decoder gives."""

from __future__ import annotations

from abc import abstractmethod

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..networks import inverse_soft_clamp, soft_clamp, soft_clamp_exp
from ..parts import Positive
from .likelihood import Likelihood

START = 0.3
LOG_SCALE_RANGE = (-5.0, 5.0)


class LocationScale(Likelihood, abstract=True):
    """Independent noise of a learnt or given scale about the decoder's output.

    A subclass says which law the noise has, by :meth:`noise`.

    Args:
        decoder: a network to the location.
        event_shape: shape of one datum.
        scale: the noise's scale; ``None`` learns one for each feature (for each channel of an
            image), kept within e^±5. It starts at 0.3: noise as wide as standardised data would
            teach the decoder to do without z.

    Raises:
        ValueError: a scale that is not positive.
    """

    def __init__(
        self, decoder: nn.Module, event_shape: tuple[int, ...], *, scale: Positive | None = None
    ) -> None:
        super().__init__(decoder, event_shape)
        self.learn_scale = scale is None
        ones = torch.ones(event_shape[0], *(1 for _ in event_shape[1:]))
        # A fixed scale is a buffer: Pyro's parameter store trains whatever parameter it is shown.
        if scale is None:
            start = inverse_soft_clamp((ones * START).log(), *LOG_SCALE_RANGE)
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", (ones * scale).log())

    @abstractmethod
    def noise(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """The law of every feature, given its location and scale."""

    def distribution(self, z: Tensor) -> TorchDistribution:
        """The noise about decoder(z)."""
        log_scale: Tensor = self.log_scale
        if self.learn_scale:
            log_scale = soft_clamp(log_scale, *LOG_SCALE_RANGE)
        law: TorchDistribution = self.noise(self.decoder(z), log_scale.exp()).to_event(
            len(self.event_shape)
        )
        return law


class Normal(LocationScale):
    """Independent Gaussian noise about the decoder's output.

    Args:
        decoder: a network to the mean.
        event_shape: shape of one datum.
        scale: the standard deviation; ``None`` learns it, as :class:`LocationScale` says.
        sigmoid: the mean is the sigmoid of the decoder's output, for data in [0, 1].

    Raises:
        ValueError: a scale that is not positive.

    Example:
        >>> likelihood = Normal(nn.Linear(2, 3), (3,), scale=0.6)
        >>> likelihood.distribution(torch.zeros(5, 2)).stddev.unique()
        tensor([0.6000])
    """

    def __init__(
        self,
        decoder: nn.Module,
        event_shape: tuple[int, ...],
        *,
        scale: Positive | None = None,
        sigmoid: bool = False,
    ) -> None:
        super().__init__(decoder, event_shape, scale=scale)
        self.sigmoid = sigmoid

    def noise(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """Normal(loc, scale)."""
        law: TorchDistribution = dist.Normal(loc.sigmoid() if self.sigmoid else loc, scale)
        return law


class HeteroscedasticNormal(Likelihood):
    r"""Independent Gaussian noise whose mean and scale are both the decoder's.

    .. math:: x_i \mid z \sim \mathcal N\bigl(\mu_i(z), \sigma_i^2(z)\bigr)

    Standard deviations are kept within e^±5.

    Args:
        decoder: a network to the means and then the log standard deviations, as twice the channels
            of an image, or twice the features of a table.
        event_shape: shape of one datum.

    Example:
        >>> likelihood = HeteroscedasticNormal(nn.Linear(2, 6), (3,))
        >>> likelihood.distribution(torch.zeros(5, 2)).stddev.shape
        torch.Size([5, 3])
    """

    outputs = 2

    def distribution(self, z: Tensor) -> TorchDistribution:
        """Normal(μ(z), σ(z))."""
        dims = len(self.event_shape)
        loc, log_scale = self.decoder(z).chunk(2, -dims)
        noise = dist.Normal(loc, soft_clamp_exp(log_scale, -5.0, 5.0))
        law: TorchDistribution = noise.to_event(dims)
        return law


class Laplace(LocationScale):
    """Independent Laplace noise about the decoder's output, which is then a median.

    Far-off values pull on it by their sign and not by their distance.

    Args:
        decoder: a network to the median.
        event_shape: shape of one datum.
        scale: the mean absolute deviation; ``None`` learns it, as :class:`LocationScale` says.

    Raises:
        ValueError: a scale that is not positive.

    Example:
        >>> likelihood = Laplace(nn.Linear(2, 3), (3,), scale=0.5)
        >>> likelihood.distribution(torch.zeros(5, 2)).variance.unique()
        tensor([0.5000])
    """

    def noise(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """Laplace(loc, scale)."""
        law: TorchDistribution = dist.Laplace(loc, scale)
        return law


class StudentT(LocationScale):
    """Independent Student noise about the decoder's output, for data with outliers.

    Args:
        decoder: a network to the location.
        event_shape: shape of one datum.
        scale: the noise's scale; ``None`` learns it, as :class:`LocationScale` says.
        df: degrees of freedom, above 1, so that there is a mean.

    Raises:
        ValueError: a scale that is not positive, or too few degrees of freedom.

    Example:
        >>> likelihood = StudentT(nn.Linear(2, 3), (3,), scale=1.0, df=4.0)
        >>> likelihood.distribution(torch.zeros(5, 2)).variance.unique()
        tensor([2.])

    References:
        Lange, Little & Taylor (1989). Robust statistical modeling using the t distribution.
    """

    def __init__(
        self,
        decoder: nn.Module,
        event_shape: tuple[int, ...],
        *,
        scale: Positive | None = None,
        df: Positive = 4.0,
    ) -> None:
        super().__init__(decoder, event_shape, scale=scale)
        if not df > 1:
            raise ValueError(f"df is {df}: Student noise has a mean above one degree of freedom")
        self.df = df

    def noise(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """StudentT(df, loc, scale)."""
        law: TorchDistribution = dist.StudentT(self.df, loc, scale)
        return law
