"""Likelihoods: programs over x given the latent vector. Each owns its decoder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import pyro
from pyro import distributions as dist
from pyro.distributions import TorchDistribution, constraints
from pyro.nn import PyroModule
from torch import Tensor, nn

from .. import distributions
from ..parts import Part, heeded


class Likelihood(Part, PyroModule, kind="likelihood", abstract=True):
    """p(x | z), a program that emits the site ``"x"`` and returns it.

    To write one, define :meth:`distribution`; declare ``support`` (and ``support_words`` for
    people) where not all finite numbers are meant, ``outputs`` where the decoder is to give more
    than one number for each feature (then it gives so many times the channels, or the features of a
    table), ``is_density = False`` where log p(x | z) is a score that is no density of all data that
    it takes, and ``leaves_gaps = True`` where it takes NaN for not observed by itself, without
    :class:`Observed` around it. A law that looks at companions of the rows, such as size factors,
    names them in ``companions``: :meth:`distribution` then has them by keyword, ``(B, ...)`` each,
    beside codes ``(..., B, D)``. :func:`pyromix.testing.check_likelihood` tells what is wrong.

    Args:
        decoder: a network from ``(..., D)`` to ``(..., *event)``.
        event_shape: shape of one datum: ``(X,)`` for tables, ``(C, H, W)`` for images.
    """

    support: ClassVar[constraints.Constraint] = constraints.real
    support_words: ClassVar[str] = "finite numbers"
    is_density: ClassVar[bool] = True
    outputs: ClassVar[int] = 1
    companions: tuple[str, ...] = ()
    leaves_gaps: ClassVar[bool] = False

    def __init__(self, decoder: nn.Module, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.decoder = decoder
        self.event_shape = tuple(event_shape)

    @classmethod
    def decoded_shape(cls, event_shape: tuple[int, ...], **arguments: Any) -> tuple[int, ...]:
        """What the decoder gives for a datum: ``outputs`` times the channels, or the features.

        Args:
            event_shape: shape of one datum.
            **arguments: what else the likelihood is made with.
        """
        return (cls.outputs * event_shape[0], *event_shape[1:])

    @abstractmethod
    def distribution(self, z: Tensor) -> TorchDistribution:
        """p(x | z): ``(..., D)`` to batch shape ``(...)``, event shape that of a datum."""

    def given(self, z: Tensor, **companions: Tensor) -> TorchDistribution:
        """:meth:`distribution` with those companions of the rows that this likelihood names."""
        distribution: Callable[..., TorchDistribution] = self.distribution
        return distribution(z, **heeded(self, companions))

    def mean(self, z: Tensor, **companions: Tensor) -> Tensor:
        """E[x | z]: ``(..., D)`` to ``(..., *event)``."""
        mean: Tensor = self.given(z, **companions).mean
        return mean

    def forward(self, z: Tensor, x: Tensor | None = None, **companions: Tensor) -> Tensor:
        """Emit x given z, observed where it is given, and return it."""
        emitted: Tensor = pyro.sample("x", self.given(z, **companions), obs=x)
        return emitted

    def coordinates(self, x: Tensor, **companions: Tensor) -> Tensor:
        """Where Euclidean methods such as k-means should look at data: as many for each."""
        return x

    @classmethod
    def check(cls, x: Tensor) -> None:
        """Refuse data outside the support.

        Raises:
            ValueError: names the first value outside and what would do.
        """
        inside = cls.support.check(x)
        if not bool(inside.all()):
            bad = x[~inside].flatten()[0].item()
            raise ValueError(
                f"x holds {bad:g}, outside the support of the {cls.__name__} likelihood "
                f"({cls.support_words}): rescale x or choose another likelihood"
            )


class Bernoulli(Likelihood):
    r"""Independent Bernoulli pixels; grey values in [0, 1] score as expected log-probabilities.

    .. math:: \log p(x \mid z) = \sum_i x_i \log p_i(z) + (1 - x_i) \log(1 - p_i(z))

    With grey values this is a score, not a normalised density; :class:`ContinuousBernoulli` is one.

    Args:
        decoder: a network to the logits.
        event_shape: shape of one datum.

    Example:
        >>> import torch
        >>> likelihood = Bernoulli(nn.Linear(2, 64), (64,))
        >>> likelihood.mean(torch.zeros(5, 2)).shape
        torch.Size([5, 64])
    """

    support = constraints.unit_interval
    support_words = "values in [0, 1]"
    is_density = False

    def distribution(self, z: Tensor) -> TorchDistribution:
        """Bernoulli(logits = decoder(z))."""
        # Grey values are meant, so torch's test for 0 and 1 stays off.
        pixels = dist.Bernoulli(logits=self.decoder(z), validate_args=False)
        law: TorchDistribution = pixels.to_event(len(self.event_shape))
        return law


class ContinuousBernoulli(Likelihood):
    """The normalised density on [0, 1] that Bernoulli's score leaves out.

    Args:
        decoder: a network to the logits.
        event_shape: shape of one datum.

    Example:
        >>> import torch
        >>> likelihood = ContinuousBernoulli(nn.Linear(2, 64), (64,))
        >>> likelihood.distribution(torch.zeros(5, 2)).batch_shape
        torch.Size([5])

    References:
        Loaiza-Ganem & Cunningham (2019). The continuous Bernoulli. arXiv 1907.06845.
    """

    support = constraints.unit_interval
    support_words = "values in [0, 1]"

    def distribution(self, z: Tensor) -> TorchDistribution:
        """ContinuousBernoulli(logits = decoder(z))."""
        pixels = distributions.ContinuousBernoulli(self.decoder(z))
        law: TorchDistribution = dist.Independent(pixels, len(self.event_shape))
        return law
