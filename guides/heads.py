"""Heads: from features to a distribution, one for each latent family."""

from __future__ import annotations

from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..networks import soft_clamp


class GaussianHead(nn.Module):
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

    def __init__(self, in_features: int, latent_dim: int, *, log_scale: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, 2 * latent_dim)
        nn.init.constant_(self.linear.bias[latent_dim:], log_scale)

    def forward(self, features: Tensor) -> TorchDistribution:
        """``(..., F)`` to batch shape ``(...)``, event shape ``(D,)``."""
        loc, log_scale = self.linear(features).chunk(2, -1)
        scale = soft_clamp(log_scale, -5.0, 5.0).exp()
        law: TorchDistribution = dist.Normal(loc, scale).to_event(1)
        return law
