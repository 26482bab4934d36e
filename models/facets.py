"""Several mixtures side by side: the prior of MFCVAE (Falck et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..parts import rows_html
from .attached import Encoding
from .prior import MixturePrior, Prior


class Facets(Prior, abstract=True):
    r"""Independent mixtures side by side, one for each way of grouping the same data.

    .. math:: p(z, c) = \prod_{j} p(c_j)\, p(z_j \mid c_j)

    The sites are ``c_0``, ``z_0``, ``c_1``, ``z_1``, …; the code is the facets' codes one after
    another. Since z_j sees c_j alone, enumeration costs :math:`\sum_j K_j`, not
    :math:`\prod_j K_j`, and the decoder runs once. In a ladder facet 0 is the shallowest.

    Args:
        *mixtures: of any family, each with its own K and D; they are given their facet's name.

    Raises:
        TypeError: what stands there is no mixture, such as other facets.
        ValueError: no mixture, or the same one twice.

    Example:
        >>> from pyromix.models import GaussianMixture
        >>> prior = Facets(GaussianMixture(60, 20, covariance="full"), GaussianMixture(20, 2))
        >>> prior.n_clusters, prior.latent_dim
        ((60, 20), 22)

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241,
        equation 2.
    """

    def __init__(self, *mixtures: MixturePrior) -> None:
        super().__init__()
        if not mixtures:
            raise ValueError("mixtures are missing: give one for each facet")
        if len(set(mixtures)) < len(mixtures):
            raise ValueError("the same mixture stands there twice: make one for each facet")
        for index, mixture in enumerate(mixtures):
            if not isinstance(mixture, MixturePrior):
                raise TypeError(
                    f"facet {index} is a {type(mixture).__name__}: use a MixturePrior, such as "
                    "GaussianMixture"
                )
            mixture.facet = index
            # As attributes, and not in a list, they share Pyro's names with the story.
            setattr(self, f"facet_{index}", mixture)
        self.latent_dims = tuple(int(mixture.latent_dim) for mixture in mixtures)
        self.latent_dim = sum(self.latent_dims)

    @property
    def mixtures(self) -> tuple[MixturePrior, ...]:
        """The mixtures, facet 0 first."""
        return tuple(getattr(self, f"facet_{index}") for index in range(len(self.latent_dims)))

    @property
    def n_clusters(self) -> tuple[int, ...]:
        """K of each facet."""
        return tuple(mixture.n_clusters for mixture in self.mixtures)

    def attach(self, guide: Encoding, event_shape: tuple[int, ...]) -> None:
        """Tell every mixture."""
        for mixture in self.mixtures:
            mixture.attach(guide, event_shape)

    def _repr_html_(self) -> str:
        return rows_html("Facets", {f"facet {j}": each for j, each in enumerate(self.mixtures)})

    def __repr__(self) -> str:
        return f"Facets({', '.join(map(repr, self.mixtures))})"

    def forward(self) -> Tensor:
        """Emit c and z of every facet, and return the code."""
        return _join([mixture() for mixture in self.mixtures])

    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """The codes of all facets one after another, ``(..., ΣD)``."""
        return _join([mixture.code(latents) for mixture in self.mixtures])


def _join(codes: Sequence[Tensor]) -> Tensor:
    """Concatenate along the last dimension; the batch dimensions are broadcast."""
    batch = torch.broadcast_shapes(*(code.shape[:-1] for code in codes))
    return torch.cat([code.expand(*batch, -1) for code in codes], -1)
