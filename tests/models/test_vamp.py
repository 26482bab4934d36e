"""The VampPrior mixture: the density of a guide's posteriors, widened; its start; and fits."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from torch import nn

from pyromix import DeepMixture, load
from pyromix.evaluation import hungarian_accuracy
from pyromix.guides import AmortisedGuide, FlowHead, FullGaussianHead, GaussianHead, Head
from pyromix.inference import ComponentPrior, KMeansStart, SparseWeights, Training
from pyromix.models import Facets, GaussianMixture, Normal, VampPriorMixture
from pyromix.networks import Perceptron

X, FEATURES, K = 3, 4, 4


def attached(
    head: type[Head] = GaussianHead, dim: int = 2, **settings: Any
) -> tuple[VampPriorMixture, AmortisedGuide]:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(X, FEATURES), nn.BatchNorm1d(FEATURES), nn.Tanh())
    guide = AmortisedGuide(encoder, z=head(FEATURES, dim)).double()
    prior = VampPriorMixture(K, dim, **settings).double()
    prior.attach(guide, (X,))
    for parameter in prior.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    return prior, guide


@pytest.mark.parametrize("head", [GaussianHead, FullGaussianHead])
@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_it_is_the_guides_posteriors_widened_and_integrates_to_one(
    head: type[Head], covariance: str
) -> None:
    prior, guide = attached(head, covariance=covariance)
    axis = torch.linspace(-12, 12, 401, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        total = prior.log_prob(z).exp().sum() * (axis[1] - axis[0]) ** 2
        assert total == pytest.approx(1.0, abs=1e-8)
        guide.eval()
        q, law = guide.posterior(prior.pseudo_data)["z"], prior.component()
        assert torch.equal(law.mean, q.mean)
        own = law.variance - q.variance
        if covariance == "diag":
            assert ((own.sqrt() / _scales(prior)) - 1).abs().max() < 1e-9


def test_covariances_add() -> None:
    prior, guide = attached(FullGaussianHead, covariance="full")
    factor = prior.lower.tril(-1) + torch.diag_embed(_scales(prior))
    guide.eval()
    v = guide.posterior(prior.pseudo_data)["z"].covariance_matrix
    whole = prior.component().covariance_matrix
    torch.testing.assert_close(whole, factor @ factor.mT + v, rtol=1e-10, atol=1e-12)
    same = prior.component(torch.tensor([2, 0])).covariance_matrix
    torch.testing.assert_close(same, whole[[2, 0]], rtol=1e-12, atol=0)


def _scales(prior: VampPriorMixture) -> torch.Tensor:
    """Soft clamped as every Gaussian mixture's."""
    mixture = GaussianMixture(K, prior.latent_dim).double()
    mixture.log_scale.data = prior.log_scale.data
    scales: torch.Tensor = mixture.component().stddev
    return scales


def test_gradients_reach_pseudo_data_and_the_encoder_which_stays_the_guides() -> None:
    prior, guide = attached()
    guide.train()
    before = [buffer.clone() for buffer in guide.buffers()]
    prior.log_prob(torch.zeros(5, 2, dtype=torch.float64)).sum().backward()
    encoder = next(guide.encoder.parameters())
    for parameter in (prior.pseudo_data, prior.log_scale, encoder):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
    names = {name for name, _ in prior.named_parameters()}
    assert names == {"logits", "log_scale", "pseudo_data"}
    # Statistics of a batch are of data alone.
    assert guide.training
    assert all(map(torch.equal, guide.buffers(), before))


def test_a_start_places_pseudo_data_at_data() -> None:
    prior, guide = attached()
    guide.eval()
    x = torch.randn(80, X, dtype=torch.float64)
    codes = guide.posterior(x)["z"].mean.detach()
    labels = codes[:, 0].argsort().argsort() // 20
    groups = nn.functional.one_hot(labels, K).double()
    with pytest.raises(NotImplementedError, match=r"see\(x\) comes before"):
        prior.initialise(codes, groups)
    prior.see(x)
    prior.initialise(codes, groups)
    assert prior.seen is None
    for cluster in range(K):
        own = codes[labels == cluster]
        nearest = (own - own.mean(0)).square().sum(-1).argmin()
        assert torch.equal(prior.pseudo_data[cluster], x[labels == cluster][nearest])
        variance = prior.component().variance[cluster]
        q = prior.at_pseudo_data().variance[cluster]
        assert (variance - q - own.var(0, correction=0)).abs().max() < 1e-3


def test_a_posterior_that_is_no_gaussian_is_refused() -> None:
    estimator = DeepMixture(prior=VampPriorMixture, posterior=FlowHead, networks=Perceptron(8))
    with pytest.raises(ValueError, match="widens Gaussian posteriors"):
        estimator.build((X,))
    with pytest.raises(ValueError, match="call attach"):
        VampPriorMixture(3, 2).component()
    with pytest.raises(ValueError, match="use 'diag' or 'full'"):
        VampPriorMixture(3, 2, covariance="tied")
    with pytest.raises(ValueError, match="n_clusters is 0"):
        VampPriorMixture(0, 2)


def test_as_one_of_several_facets() -> None:
    facets = Facets(VampPriorMixture(3, 2), GaussianMixture(2, 2))
    heads = {f"z_{facet}": GaussianHead(FEATURES, 2) for facet in (0, 1)}
    facets.attach(AmortisedGuide(nn.Linear(X, FEATURES), **heads), (X,))
    assert facets.mixtures[0].component().mean.shape == (3, 2)


@pytest.mark.parametrize("assignment", ["marginal", "optimal"])
@pytest.mark.parametrize("objective", ["closed-form", "enumerated"])
def test_it_is_fitted_with_sparse_weights_and_kept(
    assignment: str, objective: str, tmp_path: Path
) -> None:
    x, labels = make_blobs(300, 5, centers=3, random_state=1)
    x = (x / x.std()).astype(np.float32)
    mixture = DeepMixture(
        n_clusters=3,
        latent_dim=2,
        prior=VampPriorMixture,
        likelihood=partial(Normal, scale=0.3),
        networks=Perceptron(16, batch_norm=True),
        assignment=assignment,
        objective=objective,
        terms=[SparseWeights(), ComponentPrior()],
        pretraining=None,
        start=KMeansStart(on="data"),
        training=Training(max_epochs=3),
        random_state=0,
    ).fit(x)
    assert hungarian_accuracy(labels, mixture.labels_) > 0.95
    assert {"sparse_weights", "component_prior"} <= mixture.history_[-1].keys()
    mixture.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert np.array_equal(again.predict_proba(x), mixture.predict_proba(x))
