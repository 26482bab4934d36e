"""DHVC: its clustering part, why it needs mutual information, and its choice of a head."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ive, logsumexp
from sklearn.datasets import load_digits

from pyromix import DHVC
from pyromix.guides import Guide, SphericalHead
from pyromix.inference import (
    AffineViews,
    ClosedFormELBO,
    EnumeratedELBO,
    MixtureELBO,
    MutualInformation,
    ObjectiveModule,
    Trainer,
    Training,
    TwoView,
    responsibilities,
    seeded,
)
from pyromix.models import MixtureVAE, VonMisesFisherMixture
from pyromix.networks import Perceptron, Strided

DIGITS = torch.tensor(load_digits().data / 16, dtype=torch.float32)
QUICK: dict[str, Any] = {
    "networks": Perceptron(32, batch_norm=True),
    "pretraining": TwoView(n_heads=3, epochs=2),
    "training": Training(max_epochs=1, batch_size=256),
    "random_state": 0,
}


def story(n_clusters: int, latent_dim: int, width: int, size: int = 6) -> tuple[MixtureVAE, Guide]:
    """A story and guide of DHVC, small."""
    networks = Perceptron(width)
    return DHVC(n_clusters=n_clusters, latent_dim=latent_dim, networks=networks).build((size,))


@pytest.mark.parametrize("bound", [ClosedFormELBO, EnumeratedELBO])
def test_the_clustering_part_is_the_divergence_of_two_posteriors(
    bound: type[MixtureELBO],
) -> None:
    model, guide = story(3, 5, width=8)
    model, guide = model.double(), guide.double()
    with torch.no_grad():
        model.prior.logits.copy_(torch.tensor([0.5, -0.3, 0.1]))
        model.prior.log_concentration.copy_(torch.tensor([1.0, 2.0, 3.0]))
    x = torch.rand(7, 6, dtype=torch.float64)
    with seeded(0):
        parts = bound().parts(model, guide, x)
    with seeded(0), torch.no_grad():
        posteriors, logits = guide.infer(x)
        z = posteriors["z"].rsample().numpy()
        gamma = logits["c"].softmax(-1).numpy()
    component = model.prior.component()
    kappa = component.concentration.detach().numpy()
    log_normaliser = 1.5 * np.log(kappa) - 2.5 * np.log(2 * np.pi) - np.log(ive(1.5, kappa)) - kappa
    scores = (
        model.prior.log_weights().detach().numpy()
        + log_normaliser
        + kappa * (z @ component.loc.detach().numpy().T)
    )
    log_p = scores - logsumexp(scores, axis=1, keepdims=True)
    by_hand = (gamma * (np.log(gamma) - log_p)).sum(1).mean()
    assert float(parts["kl_c"]) == pytest.approx(by_hand, abs=1e-9)


def test_the_reversed_story_reads_clusters_as_the_forward_one() -> None:
    model, _ = story(3, 5, width=8)
    forward = VonMisesFisherMixture(3, 5)
    forward.load_state_dict(model.prior.state_dict())
    z = model.prior.draw(torch.arange(3).repeat(10))["z"]
    torch.testing.assert_close(model.prior.responsibilities(z), forward.responsibilities(z))


def test_divergence_alone_merges_all_clusters_and_information_prevents_it() -> None:
    occupied, divergence = {}, {}
    x = DIGITS[:600]
    for weight in (0.0, 5.0):
        torch.manual_seed(0)
        model, guide = story(10, 5, width=64, size=64)
        elbo = ClosedFormELBO([MutualInformation(weight, views=AffineViews())])
        objective = ObjectiveModule(elbo, model, guide)
        history = Trainer(max_epochs=60, batch_size=200, learning_rate=2e-2).fit(objective, x)
        gamma = responsibilities(model, guide, x)["c"]
        occupied[weight] = len(gamma.argmax(-1).unique())
        divergence[weight] = history[-1]["kl_c"]
    assert divergence[0.0] < 0.05
    assert occupied[0.0] == 1
    assert occupied[5.0] >= 7


def test_the_head_with_most_information_is_kept_and_told() -> None:
    dhvc = DHVC(**QUICK).fit(DIGITS[:150].numpy())
    row = next(row for row in dhvc.history_ if row["phase"] == "initialise")
    found = [row[f"information_{head}"] for head in range(3)]
    assert row["head"] == int(np.argmax(found))
    assert {"reconstruction", "kl_z", "kl_c", "mutual_information"} <= set(dhvc.history_[-1])


@pytest.mark.parametrize("family", ["von-mises-fisher", "power-spherical"])
def test_the_same_seed_gives_the_same_bits_and_a_run_brings_them_back(
    family: str, tmp_path: Path
) -> None:
    x = DIGITS[:300].numpy()
    settings = {**QUICK, "n_clusters": 3, "posterior": partial(SphericalHead, family=family)}
    dhvc = DHVC(**settings).fit(x)
    gamma = dhvc.predict_proba(x)
    assert (DHVC(**settings).fit(x).predict_proba(x) == gamma).all()
    dhvc.save(tmp_path / "run")
    assert (DHVC.load(tmp_path / "run").predict_proba(x) == gamma).all()


def test_images_go_through_convolutions_and_clusters_can_be_drawn() -> None:
    x = np.random.RandomState(0).rand(60, 1, 12, 12).astype(np.float32)
    dhvc = DHVC(**{**QUICK, "n_clusters": 2, "networks": DHVC.networks}).fit(x)
    assert any(value.dim() == 4 for value in dhvc.guide_.state_dict().values())
    images, clusters = dhvc.sample(5, cluster=1)
    assert images.shape == (5, 1, 12, 12)
    assert set(clusters) == {1}
    z = dhvc.guide_.posterior(torch.tensor(x))["z"].sample()
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(60))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"assignment": "marginal"}, "use 'amortised'"),
        ({"assignment": "optimal"}, "use 'amortised'"),
        ({"networks": Strided()}, r"give images \(C, H, W\), or use perceptrons"),
        ({"pretraining": TwoView(views="pictures")}, "views is .pictures.: use one of "),
        ({"pretraining": None}, r"BestHead needs pretraining=TwoView\(\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DHVC(**{**QUICK, **settings}).fit(DIGITS[:50].numpy())
