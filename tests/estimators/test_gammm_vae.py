"""GamMM-VAE: its bound is one under both guides, and concentrated Gammas are Gaussians."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from pyromix import GamMMVAE
from pyromix.guides import GammaHead, Guide
from pyromix.inference import (
    ClosedFormELBO,
    GaussianMixtureStart,
    KMeansStart,
    Neighbours,
    ObjectiveModule,
    Trainer,
    Training,
    bound,
    importance_weighted_bound,
)
from pyromix.models import GammaMixture, GaussianMixture, MixtureVAE
from pyromix.networks import Perceptron

FAMILIES = ["implicit", "wilson-hilferty"]


def trained(family: str, assignment: str, latent_dim: int) -> tuple[MixtureVAE, Guide, Tensor]:
    model, guide = GamMMVAE(
        n_clusters=3,
        latent_dim=latent_dim,
        posterior=partial(GammaHead, family=family),
        networks=Perceptron(8),
        assignment=assignment,
    ).build((6,))
    model, guide = model.double(), guide.double()
    x = (torch.rand(60, 6, dtype=torch.float64) < torch.rand(60, 1, dtype=torch.float64)).double()
    objective = ObjectiveModule(ClosedFormELBO(), model, guide)
    Trainer(max_epochs=60, batch_size=20, learning_rate=1e-2).fit(objective, x)
    return model, guide, x[:12]


def log_evidence(model: MixtureVAE, x: Tensor) -> Tensor:
    """log p(x) by the midpoint rule over log z, D = 1: ``(B,)``."""
    log_z = torch.linspace(-9.0, 7.0, 4001, dtype=x.dtype)
    z = log_z.exp().unsqueeze(-1)
    log_prior = model.prior.log_prob(z) + log_z
    likelihood = model.likelihood.distribution(model.prior.code({"z": z.unsqueeze(1)}))
    terms: Tensor = likelihood.log_prob(x) + log_prior.unsqueeze(-1)
    return terms.logsumexp(0) + (log_z[1] - log_z[0]).log()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_bound_is_strict_and_the_importance_weighted_one_exact(family: str) -> None:
    model, guide, x = trained(family, "marginal", latent_dim=1)
    with torch.no_grad():
        exact = log_evidence(model, x)
    weighted = importance_weighted_bound(model, guide, x, num_samples=5000)
    torch.testing.assert_close(weighted, exact, rtol=0, atol=0.03)
    assert float(bound(model, guide, x, num_samples=2000).mean()) < float(exact.mean())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("assignment", ["marginal", "optimal"])
def test_the_importance_weighted_bound_lies_above(family: str, assignment: str) -> None:
    model, guide, x = trained(family, assignment, latent_dim=3)
    weighted = importance_weighted_bound(model, guide, x, num_samples=5000)
    assert float(weighted.mean()) > float(bound(model, guide, x, num_samples=2000).mean())


def concentrated(shape: float) -> tuple[GammaMixture, GaussianMixture]:
    """A mixture of Gammas of that shape, and the Gaussians of the same moments."""
    gammas, gaussians = GammaMixture(3, 2).double(), GaussianMixture(3, 2).double()
    mean = torch.tensor([[1.0, 2.0], [1.5, 1.0], [2.5, 2.5]], dtype=torch.float64)
    with torch.no_grad():
        gammas.log_mean.copy_(mean.log())
        gammas.raw_shape.fill_(shape)
        gaussians.loc.copy_(mean)
        gaussians.log_scale.copy_(gammas.component().variance.log() / 2)
    return gammas, gaussians


def test_large_shapes_approach_the_gaussian_mixture() -> None:
    distances, disagreements = [], []
    for shape in (6.0, 24.0, 96.0):
        gammas, gaussians = concentrated(shape)
        z = gammas.draw(torch.arange(3).repeat(4000))["z"]
        with torch.no_grad():
            distances.append(float((gammas.log_prob(z) - gaussians.log_prob(z)).mean()))
            gap = gammas.responsibilities(z) - gaussians.responsibilities(z)
            disagreements.append(float(gap.abs().sum(-1).mean()) / 2)
    # The Kullback–Leibler divergence falls as one over the shape.
    assert distances[2] < distances[1] / 2 < distances[0] / 4
    assert distances[2] < 0.01
    assert disagreements[2] < disagreements[1] < disagreements[0]
    assert disagreements[2] < 0.02


def test_one_gamma_is_as_far_from_its_gaussian_as_theory_says() -> None:
    gammas, _ = concentrated(96.0)
    law = gammas.component().base_dist
    shape = law.concentration[0, 0]
    divergence = -law.entropy()[0, 0] + 0.5 * (2 * math.pi * math.e * law.variance[0, 0]).log()
    # The leading term of the Edgeworth series: skewness² / 12, the skewness being 2 / √shape.
    assert divergence.item() == pytest.approx(1 / (3 * shape.item()), rel=0.02)


def test_the_posterior_starts_narrow_beside_the_code() -> None:
    gammm = GamMMVAE(n_clusters=2, latent_dim=3, networks=Perceptron(8))
    model, guide = gammm.build((6,))
    x = torch.rand(200, 6)
    KMeansStart().begin(model, guide, x)
    with torch.no_grad():
        posterior = guide.posterior(x)["z"]
        spread = posterior.mean.log().std(0).mean()
        noise = posterior.sample().log() - posterior.mean.log()
    assert float(posterior.base_dist.concentration.std()) < 1e-5
    assert 0.09 < float(noise.std()) < max(0.5, float(spread))


@pytest.mark.parametrize("family", FAMILIES)
def test_estimator_round_trip(family: str, tmp_path: object) -> None:
    x = load_digits().data[:120] / 16
    settings: dict[str, Any] = {
        "posterior": partial(GammaHead, family=family),
        "networks": Perceptron(16, batch_norm=True),
        "pretraining": Neighbours(epochs=2),
        "start": GaussianMixtureStart(),
        "training": Training(max_epochs=2),
        "random_state": 0,
    }
    gammm, again = GamMMVAE(**settings).fit(x), GamMMVAE(**settings).fit(x)
    assert (gammm.predict_proba(x) == again.predict_proba(x)).all()
    assert (gammm.transform(x) > 0).all()
    code = gammm.transform(x)
    assert gammm.inverse_transform(code) == pytest.approx(gammm.reconstruct(x), abs=1e-5)
    gammm.save(f"{tmp_path}/run")
    assert (GamMMVAE.load(f"{tmp_path}/run").predict_proba(x) == gammm.predict_proba(x)).all()
