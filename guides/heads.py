"""Heads: from features to a distribution, one for each latent family."""

from __future__ import annotations

from abc import abstractmethod

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from ..distributions import FlooredGamma, PowerSpherical, VonMisesFisher, WilsonHilfertyGamma
from ..networks import inverse_soft_clamp, soft_clamp, soft_clamp_exp
from ..parts import Count, Part, Positive

LOG_SCALE_RANGE = (-5.0, 5.0)
CONCENTRATION_RANGE = (1.0, 1000.0)
GAMMA_FAMILIES = {"implicit": dist.Gamma, "wilson-hilferty": WilsonHilfertyGamma}
SMALLEST_SHAPES = {"implicit": 0.1, "wilson-hilferty": 1.0}
LARGEST_SHAPE = 100.0
SPHERICAL_FAMILIES = {"von-mises-fisher": VonMisesFisher, "power-spherical": PowerSpherical}


class Head(Part, nn.Module, kind="head", abstract=True):
    """From features to a distribution over one latent.

    To write one, take ``(in_features, latent_dim)``, pass both to ``super().__init__`` and define
    :meth:`forward`. :func:`pyromix.testing.check_head` tells whether it is right.

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the latent, D.
    """

    def __init__(self, in_features: Count, latent_dim: Count) -> None:
        super().__init__()
        self.in_features = in_features
        self.latent_dim = latent_dim

    @abstractmethod
    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""

    def narrow(self, code: Tensor) -> None:
        """Make q narrow beside the spread of ``code`` (N, D), where the family can be."""


class GaussianHead(Head):
    r"""A diagonal Gaussian whose mean and log-scale are linear in the features.

    .. math:: q(z \mid h) = \mathcal N\bigl(z;\, m(h), \operatorname{diag} s(h)^2\bigr)

    Standard deviations are kept within e^±5.

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the latent, D.
        log_scale: where the log standard deviations start; -2 (log-variance -4) protects a code
            that was pretrained without noise.

    Example:
        >>> import torch
        >>> GaussianHead(32, 10)(torch.zeros(5, 32)).event_shape
        torch.Size([10])
    """

    def __init__(self, in_features: Count, latent_dim: Count, *, log_scale: float = 0.0) -> None:
        super().__init__(in_features, latent_dim)
        self.linear = nn.Linear(in_features, 2 * latent_dim)
        start = inverse_soft_clamp(torch.tensor(log_scale), *LOG_SCALE_RANGE)
        nn.init.constant_(self.linear.bias[latent_dim:], float(start))

    def narrow(self, code: Tensor) -> None:
        """Make the noise the same for all data and small beside the spread of ``code`` (N, D)."""
        spread = code.std(0).mean().clamp(min=1e-6)
        with torch.no_grad():
            half = code.shape[-1]
            self.linear.weight[half:] = 0.0
            narrow = (spread.log() - 2.0).clamp(min=LOG_SCALE_RANGE[0] + 0.01)
            self.linear.bias[half:] = inverse_soft_clamp(narrow, *LOG_SCALE_RANGE)

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        loc, log_scale = self.linear(features).chunk(2, -1)
        scale = soft_clamp_exp(log_scale, *LOG_SCALE_RANGE)
        law: TorchDistribution = dist.Normal(loc, scale).to_event(1)
        return law


class GammaHead(Head):
    r"""A product of Gammas by mean m and shape a, both functions of the features.

    .. math:: q(z \mid h) = \prod_d \operatorname{Ga}(z_d;\, a_d(h),\, a_d(h) / m_d(h))

    m is a softplus, a is within (``min_shape``, 100).

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the latent, D.
        family: ``"implicit"``, exact Gammas with implicit gradients, or ``"wilson-hilferty"``,
            cubed folded Gaussians scored by their own exact density, which look like Gammas from
            a = 1 on.
        min_shape: what a stays above; below 1, to 0.1, for ``"implicit"`` alone. Laws of small
            shapes crowd at zero, where float32 ends: their draws are floored at 1e-30, which lifts
            the mean over draws of log z by .02 nats at most, at a = .1
            (:class:`~pyromix.distributions.FlooredGamma`). A Gamma prior decodes log z and floors
            z at 1e-6 for that, whatever the draw: that is a part of the story, and no bias.

    Raises:
        ValueError: an unknown family, or a ``min_shape`` that it does not go down to.

    Example:
        >>> import torch
        >>> GammaHead(32, 10)(torch.zeros(5, 32)).mean.shape
        torch.Size([5, 10])

    References:
        Wilson & Hilferty (1931). The distribution of chi-square.
        Figurnov, Mohamed & Mnih (2018). Implicit reparameterization gradients. arXiv 1805.08498.
    """

    def __init__(
        self,
        in_features: Count,
        latent_dim: Count,
        *,
        family: str = "implicit",
        min_shape: Positive = 1.0,
    ) -> None:
        super().__init__(in_features, latent_dim)
        if family not in GAMMA_FAMILIES:
            raise ValueError(f"family is {family!r}: use one of {', '.join(GAMMA_FAMILIES)}")
        least = SMALLEST_SHAPES[family]
        if not least <= min_shape < LARGEST_SHAPE:
            raise ValueError(
                f"min_shape is {min_shape}: {family!r} takes one from {least:g} to "
                f"{LARGEST_SHAPE:g}; for shapes down to .1 use family='implicit'"
            )
        self.linear = nn.Linear(in_features, 2 * latent_dim)
        self.family = family
        self.min_shape = min_shape
        self.law = FlooredGamma if min_shape < 1 else GAMMA_FAMILIES[family]

    def narrow(self, code: Tensor) -> None:
        """Make the noise of log z the same for all data and small beside that of ``code`` (N, D).

        The standard deviation of log z is about one over the square root of the shape.
        """
        spread = code.clamp(min=1e-6).log().std(0).mean().clamp(min=1e-6)
        with torch.no_grad():
            half = code.shape[-1]
            self.linear.weight[half:] = 0.0
            shape = (4.0 - 2.0 * spread.log()).exp().clamp(self.min_shape + 1.0, 90.0)
            self.linear.bias[half:] = inverse_soft_clamp(shape, self.min_shape, LARGEST_SHAPE)

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        raw_mean, raw_shape = self.linear(features).chunk(2, -1)
        mean = softplus(raw_mean) + 1e-4
        shape = soft_clamp(raw_shape, self.min_shape, LARGEST_SHAPE)
        law: TorchDistribution = self.law(shape, shape / mean).to_event(1)
        return law


class SphericalHead(Head):
    r"""A law on the sphere about a direction m with concentration κ, functions of the features.

    .. math:: m(h) = \frac{u(h)}{\lVert u(h) \rVert}, \qquad \kappa(h) \in (1, 1000)

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the space the sphere lies in, D.
        family: ``"von-mises-fisher"`` or ``"power-spherical"``.
        concentration: where κ starts.

    Raises:
        ValueError: an unknown family.

    Example:
        >>> import torch
        >>> SphericalHead(32, 10)(torch.ones(5, 32)).loc.norm(dim=-1).round(decimals=4)[0]
        tensor(1., grad_fn=<SelectBackward0>)

    References:
        Davidson et al. (2018). Hyperspherical variational auto-encoders. arXiv 1804.00891.
        De Cao & Aziz (2020). The Power Spherical distribution. arXiv 2006.04437.
    """

    def __init__(
        self,
        in_features: Count,
        latent_dim: Count,
        *,
        family: str = "von-mises-fisher",
        concentration: Positive = 50.0,
    ) -> None:
        super().__init__(in_features, latent_dim)
        if family not in SPHERICAL_FAMILIES:
            raise ValueError(f"family is {family!r}: use one of {', '.join(SPHERICAL_FAMILIES)}")
        self.linear = nn.Linear(in_features, latent_dim + 1)
        start = inverse_soft_clamp(torch.tensor(concentration), *CONCENTRATION_RANGE)
        nn.init.constant_(self.linear.bias[latent_dim:], float(start))
        self.family = family

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        raw = self.linear(features)
        concentration = soft_clamp(raw[..., -1], *CONCENTRATION_RANGE)
        direction = raw[..., :-1]
        large = direction.detach().abs().amax(-1, keepdim=True)
        direction = torch.where(large > 1e15, direction / large, direction)  # squares overflow
        lost = direction.norm(dim=-1, keepdim=True) < 1e-12  # as of dead features: it has none
        direction = normalize(torch.where(lost, torch.ones_like(direction), direction), dim=-1)
        return SPHERICAL_FAMILIES[self.family](direction, concentration)
