"""The registered stories: whatever joins ``CASES`` is put to every contract.

A new family also registers its densities in ``written_out``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pyromix.guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Guide,
    Head,
    OptimalAssignment,
    SphericalHead,
)
from pyromix.inference import ClosedFormELBO, EnumeratedELBO, MixtureELBO
from pyromix.models import (
    Bernoulli,
    GammaMixture,
    GaussianMixture,
    Likelihood,
    MixturePrior,
    MixtureVAE,
    Normal,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)

X = 3
FEATURES = 5
ASSIGNMENTS: dict[str, Callable[[AmortisedGuide, MixturePrior], Guide]] = {
    "marginal": lambda guide, prior: guide,
    "optimal": OptimalAssignment,
    "amortised": lambda guide, prior: AmortisedAssignment(
        guide, c=nn.Linear(FEATURES, prior.n_clusters)
    ),
}
BOUNDS: dict[str, type[MixtureELBO]] = {"closed-form": ClosedFormELBO, "enumerated": EnumeratedELBO}


@dataclass(frozen=True)
class Case:
    """A model and its guide, small enough for quadrature.

    Args:
        name: of the case.
        prior: makes the prior with K clusters.
        heads: makes the head of each continuous latent from the number of features, by site.
        likelihood: the likelihood's class.
        permute: puts the clusters of a prior in another order, in place.
        order: nodes in each dimension that give the bound's expectation to 1e-8.
        points: points in each dimension that do so for the brute force.
        assignments: the rules this case knows.
    """

    name: str
    prior: Callable[[int], Any]
    heads: dict[str, Callable[[int], Head]]
    likelihood: Callable[[nn.Module, tuple[int, ...]], Likelihood]
    permute: Callable[[Any, Tensor], None]
    order: int = 10
    points: int = 121
    assignments: tuple[str, ...] = tuple(ASSIGNMENTS)

    def build(
        self, assignment: str = "marginal", n_clusters: int = 3, seed: int = 0
    ) -> tuple[MixtureVAE, Guide]:
        """The story and its guide in float64, with parameters away from every symmetry."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            prior = self.prior(n_clusters)
            decoder = nn.Sequential(nn.Linear(prior.latent_dim, 4), nn.Tanh(), nn.Linear(4, X))
            encoder = nn.Sequential(nn.Linear(X, FEATURES), nn.Tanh())
            heads = {site: head(FEATURES) for site, head in self.heads.items()}
            model = MixtureVAE(prior, self.likelihood(decoder, (X,)))
            guide = ASSIGNMENTS[assignment](AmortisedGuide(encoder, **heads), prior)
            for parameter in (*model.parameters(), *guide.parameters()):
                parameter.data += 0.2 * torch.randn_like(parameter)
        return model.double(), guide.double()

    def data(self, n: int = 3) -> Tensor:
        """Data in the support of the likelihood, ``(n, X)``, float64."""
        generator = torch.Generator().manual_seed(n)
        values = torch.randn(n, X, generator=generator, dtype=torch.float64)
        return (values > 0).double() if self.likelihood is Bernoulli else values


def gaussian_head(dim: int) -> Callable[[int], Head]:
    """A narrow Gaussian posterior, so that few nodes do."""
    return lambda features: GaussianHead(features, dim, log_scale=-2.0)


def permute_rows(prior: MixturePrior, order: Tensor) -> None:
    """Reorder a prior all of whose parameters have a row for each cluster."""
    for parameter in prior.parameters():
        parameter.data = parameter.data[order]


def permute_style(prior: StyleMixture, order: Tensor) -> None:
    """Reorder the heads of a style mixture."""
    last = prior.network[2]
    assert isinstance(last, nn.Linear)
    for parameter in (last.weight, last.bias):
        heads = parameter.data.unflatten(0, (prior.n_clusters, 2 * prior.latent_dim))
        parameter.data = heads[order].flatten(0, 1)


CASES = [
    Case(
        "gaussian-diag",
        lambda k: GaussianMixture(k, 2),
        {"z": gaussian_head(2)},
        Bernoulli,
        permute_rows,
    ),
    Case(
        "gaussian-full",
        lambda k: GaussianMixture(k, 2, covariance="full"),
        {"z": gaussian_head(2)},
        Normal,
        permute_rows,
        order=13,
    ),
    Case(
        "style",
        lambda k: StyleMixture(k, 1, 1, hidden_dim=4),
        {"z": gaussian_head(1), "w": gaussian_head(1)},
        Bernoulli,
        permute_style,
        order=8,
    ),
    Case(
        "gamma",
        lambda k: GammaMixture(k, 1),
        {"z": lambda features: GammaHead(features, 1)},
        Bernoulli,
        permute_rows,
        order=151,
    ),
    Case(
        "von-mises-fisher",
        lambda k: VonMisesFisherMixture(k, 2, concentration=2.0),
        {"z": lambda features: SphericalHead(features, 2, concentration=2.0)},
        Normal,
        permute_rows,
        order=30,
    ),
    Case(
        "reversed-von-mises-fisher",
        lambda k: ReversedVonMisesFisherMixture(k, 2, concentration=2.0),
        {"z": lambda features: SphericalHead(features, 2, concentration=2.0)},
        Bernoulli,
        permute_rows,
        order=30,
        assignments=("amortised",),
    ),
]
OTHER_POSTERIORS = [
    Case(
        "wilson-hilferty",
        lambda k: GammaMixture(k, 1),
        {"z": lambda features: GammaHead(features, 1, family="wilson-hilferty")},
        Bernoulli,
        permute_rows,
        order=151,
    ),
    Case(
        "power-spherical",
        lambda k: VonMisesFisherMixture(k, 2, concentration=2.0),
        {
            "z": lambda features: SphericalHead(
                features, 2, family="power-spherical", concentration=4.0
            )
        },
        Bernoulli,
        permute_rows,
        order=61,
    ),
]
