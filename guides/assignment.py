"""Assignment rules for the cluster, as objects around a guide."""

from __future__ import annotations

from typing import Any

import pyro
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor

from .guide import Guide, sample_sites


class OptimalAssignment(Guide):
    r"""The best q(c | x) that does not look at z, by the theorem of MFCVAE.

    .. math:: q^*(c \mid x) \propto \pi_c \exp \mathbb E_{q(z|x)}[\log p(z \mid c)]

    The cluster is enumerated in the guide with these logits. With a style latent w it conditions
    on w. The prior is referred to and not registered: its parameters stay its own.

    Args:
        guide: the guide of the continuous latents.
        prior: the mixture prior whose clusters are assigned.

    Example:
        >>> import torch
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture
        >>> guide = AmortisedGuide(torch.nn.Linear(64, 32), z=GaussianHead(32, 10))
        >>> len(list(OptimalAssignment(guide, GaussianMixture(3, 10)).parameters()))
        4

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241,
        Theorem 1, which corrects VaDE's rule.
    """

    assignment = "optimal"

    def __init__(self, guide: Guide, prior: Any) -> None:
        super().__init__()
        self.guide = guide
        object.__setattr__(self, "prior", prior)

    def posterior(self, x: Tensor) -> dict[str, TorchDistribution]:
        """q(· | x) of the continuous sites, batch shape ``(B,)``."""
        return self.guide.posterior(x)

    def forward(self, x: Tensor, n: int | None = None) -> dict[str, Tensor]:
        """Emit every latent given x ``(B, *event)``, clusters last and enumerated."""
        with pyro.plate("data", len(x)):
            posteriors = self.posterior(x)
            latents = sample_sites(posteriors)
            for mixture in self.prior.mixtures:
                site = "z" + mixture.facet
                logits = mixture.expected_log_joint(posteriors[site], mixture.own(latents).get("w"))
                latents["c" + mixture.facet] = pyro.sample(
                    "c" + mixture.facet,
                    dist.Categorical(logits=logits),
                    infer={"enumerate": "parallel"},
                )
        return latents
