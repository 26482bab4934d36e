"""Heads that fit a posterior closer than a diagonal Gaussian: full covariances, and flows."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.distributions.transforms import AffineTransform

from ..networks import soft_clamp_exp
from ..parts import Count
from .heads import LOG_SCALE_RANGE, GaussianHead, Head

DRAWS = 32  # quasi-random points, and their opposites, that the mean of a flow is averaged over
CHUNK = 8  # of which so many are sent through it at once: splines have wide parameters


class FullGaussianHead(Head):
    r"""A Gaussian with a full covariance, through its Cholesky factor.

    .. math:: q(z \mid h) = \mathcal N\bigl(z;\, m(h), L(h) L(h)^\top\bigr)

    The factor's diagonal is kept within e^±5, and its off-diagonal starts at zero, where this is
    :class:`GaussianHead`.

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the latent, D.
        log_scale: where the logarithm of the factor's diagonal starts.

    Example:
        >>> FullGaussianHead(32, 10)(torch.zeros(5, 32)).covariance_matrix.shape
        torch.Size([5, 10, 10])
    """

    def __init__(self, in_features: Count, latent_dim: Count, *, log_scale: float = 0.0) -> None:
        super().__init__(in_features, latent_dim)
        self.diagonal = GaussianHead(in_features, latent_dim, log_scale=log_scale)
        size = latent_dim * (latent_dim - 1) // 2
        self.lower = nn.Linear(in_features, size) if size else None
        if self.lower is not None:
            nn.init.zeros_(self.lower.weight)
            nn.init.zeros_(self.lower.bias)

    def narrow(self, code: Tensor) -> None:
        """Make the noise the same for all data and small beside the spread of ``code`` (N, D)."""
        self.diagonal.narrow(code)

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        loc, log_scale = self.diagonal.linear(features).chunk(2, -1)
        scale = soft_clamp_exp(log_scale, *LOG_SCALE_RANGE)
        lower = torch.diag_embed(scale)
        if self.lower is not None:
            rows, columns = torch.tril_indices(self.latent_dim, self.latent_dim, -1)
            # Relative to the diagonal, so that narrowing it narrows the whole.
            lower[..., rows, columns] = self.lower(features) * scale[..., rows]
        return dist.MultivariateNormal(loc, scale_tril=lower)


class FlowHead(Head):
    r"""A conditional normalising flow on a Gaussian: splines couple the dimensions.

    .. math:: z = m(h) + s(h)\, f_h(\varepsilon), \qquad \varepsilon \sim \mathcal N(0, I)

    It starts at f = identity, where this is :class:`GaussianHead`. There is no closed entropy or
    cross entropy, so the bound's latent part is by Monte Carlo.

    Args:
        in_features: size of the features, F.
        latent_dim: dimension of the latent, D.
        transforms: number of couplings; each moves one half of the dimensions given the other.
        hidden_dim: width of the two hidden layers of each coupling's network.
        log_scale: where the logarithm of s starts.

    Example:
        >>> FlowHead(32, 10)(torch.zeros(5, 32)).rsample().shape
        torch.Size([5, 10])

    References:
        Durkan, Bekasov, Murray & Papamakarios (2019). Neural Spline Flows. arXiv 1906.04032.
        Rezende & Mohamed (2015). Variational inference with normalizing flows. arXiv 1505.05770.
    """

    def __init__(
        self,
        in_features: Count,
        latent_dim: Count,
        *,
        transforms: Count = 2,
        hidden_dim: Count = 64,
        log_scale: float = 0.0,
    ) -> None:
        super().__init__(in_features, latent_dim)
        self.gaussian = GaussianHead(in_features, latent_dim, log_scale=log_scale)
        flow = _splines()(
            latent_dim,
            in_features,
            transforms=transforms,
            hidden_features=(hidden_dim, hidden_dim),
            passes=2,
        )
        self.transforms = flow.transform
        for each in self.transforms.modules():
            if isinstance(each, nn.Sequential) and isinstance(each[-1], nn.Linear):
                nn.init.zeros_(each[-1].weight)
                nn.init.zeros_(each[-1].bias)

    def narrow(self, code: Tensor) -> None:
        """Make the noise the same for all data and small beside the spread of ``code`` (N, D)."""
        self.gaussian.narrow(code)

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        loc, log_scale = self.gaussian.linear(features).chunk(2, -1)
        scale = soft_clamp_exp(log_scale, *LOG_SCALE_RANGE)
        base = dist.Normal(torch.zeros_like(loc), 1.0).to_event(1)
        placed = AffineTransform(loc, scale, event_dim=1)
        return Flow(base, [self.transforms(features).inv, placed])


def _splines() -> Any:
    """zuko's spline flows, imported where they are wanted; torch's validation stays as it was."""
    validating = Distribution._validate_args
    try:
        from zuko.flows import NSF
    finally:
        Distribution.set_default_validate_args(validating)
    return NSF


class Flow(dist.TransformedDistribution):
    """A Gaussian sent through transforms, with a mean."""

    support = constraints.real_vector

    @property
    def mean(self) -> Tensor:
        """The average over quasi-random points, the same each time: ``(*batch, D)``."""
        like: Tensor = self.base_dist.mean
        points = _points(like.shape[-1]).to(like)
        total = torch.zeros_like(like)
        for some in points.view(-1, *(1,) * (like.dim() - 1), like.shape[-1]).split(CHUNK):
            z = some.expand(-1, *like.shape)
            for transform in self.transforms:
                z = transform(z)
            total = total + z.sum(0)
        return total / len(points)

    def entropy(self) -> Tensor:
        """Not closed.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a flow has no closed entropy")


@cache
def _points(dim: int) -> Tensor:
    """Standard normal points that cover space evenly, in pairs of opposites: ``(2 DRAWS, D)``."""
    uniform: Any = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw(DRAWS)
    normal = torch.special.ndtri(uniform.double().clamp(1e-6, 1 - 1e-6))
    return torch.cat([normal, -normal])
