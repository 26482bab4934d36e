"""The registered stories: whatever joins ``CASES`` is put to every contract.

A new family also registers its densities in ``brute_force`` and its posteriors in ``quadrature``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide, OptimalAssignment
from pyromix.inference import ClosedFormELBO, EnumeratedELBO, MixtureELBO
from pyromix.models import (
    Bernoulli,
    GaussianMixture,
    Likelihood,
    MixturePrior,
    MixtureVAE,
    Normal,
    StyleMixture,
)

X = 3
FEATURES = 5
ASSIGNMENTS: dict[str, Callable[[Guide, MixturePrior], Guide]] = {
    "marginal": lambda guide, prior: guide,
    "optimal": OptimalAssignment,
}
BOUNDS: dict[str, type[MixtureELBO]] = {"closed-form": ClosedFormELBO, "enumerated": EnumeratedELBO}


@dataclass(frozen=True)
class Case:
    """A model and its guide, small enough for quadrature.

    Args:
        name: of the case.
        prior: makes the prior with K clusters.
        heads: dimension of each continuous latent, by site; each has a Gaussian head.
        likelihood: the likelihood's class.
        permute: puts the clusters of a prior in another order, in place.
        order: Gauss–Hermite nodes in each dimension that give the bound to 1e-8.
    """

    name: str
    prior: Callable[[int], MixturePrior]
    heads: dict[str, int]
    likelihood: Callable[[nn.Module, tuple[int, ...]], Likelihood]
    permute: Callable[[MixturePrior, Tensor], None]
    order: int

    def build(
        self, assignment: str = "marginal", n_clusters: int = 3, seed: int = 0
    ) -> tuple[MixtureVAE, Guide]:
        """The story and its guide in float64, with parameters away from every symmetry."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            decoder = nn.Sequential(nn.Linear(self.heads["z"], 4), nn.Tanh(), nn.Linear(4, X))
            encoder = nn.Sequential(nn.Linear(X, FEATURES), nn.Tanh())
            heads = {
                site: GaussianHead(FEATURES, dim, log_scale=-2.0)
                for site, dim in self.heads.items()
            }
            prior = self.prior(n_clusters)
            model = MixtureVAE(prior, self.likelihood(decoder, (X,)))
            guide = ASSIGNMENTS[assignment](AmortisedGuide(encoder, **heads), prior)
            for parameter in (*model.parameters(), *guide.parameters()):
                if parameter.requires_grad:
                    parameter.data += 0.3 * torch.randn_like(parameter)
        return model.double(), guide.double()

    def data(self, n: int = 4) -> Tensor:
        """Data in the support of the likelihood, ``(n, X)``, float64."""
        generator = torch.Generator().manual_seed(n)
        values = torch.randn(n, X, generator=generator, dtype=torch.float64)
        return (values > 0).double() if self.likelihood is Bernoulli else values


def permute_gaussian(prior: GaussianMixture, order: Tensor) -> None:
    """Reorder the components of a Gaussian mixture."""
    for parameter in prior.parameters():
        parameter.data = parameter.data[order]


def permute_style(prior: StyleMixture, order: Tensor) -> None:
    """Reorder the heads of a style mixture."""
    last = prior.network[2]
    for parameter in (last.weight, last.bias):
        heads = parameter.data.unflatten(0, (prior.n_clusters, 2 * prior.latent_dim))
        parameter.data = heads[order].flatten(0, 1)


CASES = [
    Case(
        "gaussian-diag",
        lambda k: GaussianMixture(k, 2),
        {"z": 2},
        Bernoulli,
        permute_gaussian,
        10,
    ),
    Case(
        "gaussian-full",
        lambda k: GaussianMixture(k, 2, covariance="full"),
        {"z": 2},
        Normal,
        permute_gaussian,
        10,
    ),
    Case(
        "style",
        lambda k: StyleMixture(k, 1, 1, hidden_dim=4),
        {"z": 1, "w": 1},
        Bernoulli,
        permute_style,
        10,
    ),
]
