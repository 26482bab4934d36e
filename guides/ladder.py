"""The guide of a ladder: every facet's heads see the features of its own rung."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..parts import facet_of
from .guide import AmortisedGuide


class LadderGuide(AmortisedGuide, abstract=True):
    r"""A chain of backbones with a rung for each facet, and heads on the rungs.

    .. math:: q(z \mid x) = \prod_j q_j(z_j \mid h_j(x))

    Args:
        encoder: a network from data ``(B, *event)`` to features ``(B, F_j)`` for each facet, such
            as :class:`pyromix.networks.LadderEncoder`.
        heads: by site name (``z_0``, ``z_1``, …), a module from its facet's features to a
            distribution.

    Raises:
        ValueError: there is no head.

    Example:
        >>> import torch
        >>> from pyromix.guides import GaussianHead
        >>> from pyromix.networks import PerceptronLadder
        >>> encoder = PerceptronLadder((32, 16)).encoder((64,), 2)
        >>> guide = LadderGuide(encoder, z_0=GaussianHead(32, 5), z_1=GaussianHead(16, 2))
        >>> guide.posterior(torch.zeros(3, 64))["z_1"].mean.shape
        torch.Size([3, 2])

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    def features_for(self, features: Sequence[Tensor], site: str) -> Tensor:
        """What a site's head sees: its facet's features; a lone clustering is on the only rung."""
        return features[facet_of(site) or 0]
