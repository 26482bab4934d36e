"""Covariates and size factors, from what a user gives to what encoder and decoder see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from pyromix import MFCVAE, DeepMixture, VaDE
from pyromix.estimators.covariates import Covariates
from pyromix.guides import AmortisedGuide
from pyromix.inference import (
    Autoencoder,
    ClosedFormELBO,
    EnumeratedELBO,
    KMeansStart,
    Neighbours,
    Rows,
    Training,
)
from pyromix.inference.phases import NeighbourRows
from pyromix.inference.phases.autoencoder import Reconstruction
from pyromix.models import Bernoulli, MixtureVAE, NegativeBinomial, VampPriorMixture
from pyromix.networks import Conditioned, Networks, Perceptron
from pyromix.testing.brute_force import BruteForce
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import expected

N = 40
RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(np.exp(RNG.normal(1.0, 1.0, (N, 6)))).astype(float) + (np.arange(6) == 0)
FRAME = pd.DataFrame(
    {"batch": np.array(["a", "b", "c"])[np.arange(N) % 3], "dose": RNG.normal(5.0, 2.0, N)}
)
QUICK: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(8),
    "training": Training(max_epochs=2),
    "start": KMeansStart(),
    "random_state": 0,
}
SIZED = partial(NegativeBinomial, size_factors="share")


class Fixed(nn.Module):
    """A network that is given the same covariates after x, whatever x."""

    def __init__(self, network: nn.Module, covariates: Tensor) -> None:
        super().__init__()
        self.network, self.covariates = network, covariates

    def forward(self, x: Tensor) -> Tensor:
        beside = self.covariates.expand(*x.shape[:-1], -1)
        answer: Tensor = self.network(torch.cat([x, beside], -1))
        return answer


@dataclass(frozen=True)
class Smooth(Networks):
    """Networks without a kink, whose expectations few nodes give."""

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Linear(event_shape[0], 4), nn.Tanh())

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Linear(code_dim, 4), nn.Tanh(), nn.Linear(4, event_shape[0]))


@pytest.mark.parametrize("bound", [ClosedFormELBO, EnumeratedELBO])
def test_the_bound_is_that_of_each_row_s_own_story(bound: Any) -> None:
    """By brute force, in value and gradient."""
    torch.manual_seed(0)
    estimator = DeepMixture(n_clusters=3, latent_dim=1, networks=Smooth())
    model, guide = estimator.build((3,), "bernoulli", n_covariates=2)
    model, guide = model.double(), guide.double()
    covariates = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.3, -2.0]]).double()
    x = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]).double()

    def loss(rows: Tensor, **companions: Tensor) -> Tensor:
        found: Tensor = bound().differentiable_loss(model, guide, rows, **companions)
        return found

    ours = expected(loss, guide, x, 40, covariates=covariates)
    hand = []
    encoder, own = guide.amortised.encoder, guide.amortised.head("z")
    assert isinstance(encoder, Conditioned)
    for row, its in zip(x.split(1), covariates, strict=True):
        story = MixtureVAE(model.prior, Bernoulli(Fixed(model.likelihood.decoder, its), (3,)))
        plain = AmortisedGuide(Fixed(encoder.encoder, its), z=own)
        hand.append(BruteForce(story, plain, row, 1201).under("marginal"))
    wanted = -torch.cat(hand).mean()
    assert_equal_in_value_and_gradient(ours, wanted, trainable(model, guide), 1e-6)


@pytest.fixture(scope="module")
def fitted() -> VaDE:
    estimator = VaDE(**QUICK, likelihood=SIZED, pretraining=Neighbours(3, epochs=1))
    return estimator.fit(COUNTS, covariates=FRAME)


def test_answers_depend_on_the_covariates_of_each_row_alone(fitted: VaDE) -> None:
    order = RNG.permutation(N)
    shuffled: Any = COUNTS[order], FRAME.iloc[order][["dose", "batch"]].reset_index(drop=True)
    for method in ("predict", "predict_proba", "transform", "score_samples", "reconstruct"):
        ask = getattr(fitted, method)
        np.testing.assert_allclose(
            ask(shuffled[0], covariates=shuffled[1]),
            ask(COUNTS, covariates=FRAME)[order],
            rtol=1e-5,
            atol=1e-6,
        )
    assert (fitted.labels_ == fitted.predict(COUNTS, covariates=FRAME)).all()
    moved = fitted.transform(COUNTS, covariates=FRAME.assign(batch="a"))
    same = np.isclose(moved, fitted.transform(COUNTS, covariates=FRAME)).all(1)
    assert (same == (FRAME.batch == "a")).all()


def test_transfer_to_one_s_own_covariates_is_reconstruction(fitted: VaDE) -> None:
    own = fitted.reconstruct(COUNTS, covariates=FRAME)
    np.testing.assert_array_equal(fitted.transfer(COUNTS, FRAME, covariates=FRAME), own)
    other = fitted.transfer(COUNTS, {"batch": "b"}, covariates=FRAME)
    stays = (FRAME.batch == "b").to_numpy()
    np.testing.assert_array_equal(other[stays], own[stays])
    assert not np.isclose(other[~stays], own[~stays]).all(1).any()
    # The code is that of x with its own covariates; totals stay those of x.
    code = fitted.transform(COUNTS, covariates=FRAME)
    decoded = fitted.inverse_transform(
        code, covariates=FRAME.assign(batch="b"), size_factors=COUNTS.sum(1)
    )
    np.testing.assert_allclose(other, decoded, rtol=1e-5)
    np.testing.assert_allclose(other.sum(1), COUNTS.sum(1), rtol=1e-4)


def test_samples_have_the_sizes_of_the_fit_or_given_ones(fitted: VaDE) -> None:
    covariates = {"batch": "a", "dose": 5.0}
    mean, _ = fitted.sample(300, covariates=covariates, mean=True)
    totals = COUNTS.sum(1)
    assert totals.min() - 1e-3 <= mean.sum(1).min() < mean.sum(1).max() <= totals.max() + 1e-3
    assert abs(np.median(mean.sum(1)) - np.median(totals)) < totals.std() / 2
    given, _ = fitted.sample(3, covariates=covariates, mean=True, size_factors=[1.0, 10.0, 5.0])
    np.testing.assert_allclose(given.sum(1), [1.0, 10.0, 5.0], rtol=1e-4)
    assert fitted.posterior_predictive(COUNTS, 2, covariates=FRAME).shape == (2, N, 6)


def test_saved_and_loaded_they_are_read_alike(fitted: VaDE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    loaded = VaDE.load(tmp_path / "run")
    assert (loaded.covariates_, loaded.size_factors_) == (fitted.covariates_, fitted.size_factors_)
    wanted = fitted.predict_proba(COUNTS, covariates=FRAME)
    np.testing.assert_array_equal(loaded.predict_proba(COUNTS, covariates=FRAME), wanted)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "covariates are missing: the fit had 'batch', 'dose'"),
        (FRAME[:3], r"column 'batch' has shape \(3,\): use \(40,\)"),
        (FRAME[["batch"]], "have the column.s. 'batch', and the fit had 'batch', 'dose'"),
        (FRAME.assign(batch="x"), "holds 'x' in row 0, which the fit did not see: it saw 'a', 'b'"),
        (FRAME.assign(dose=np.nan), "'dose' holds nan in row 0"),
        (FRAME.assign(batch=None), "'batch' is missing in row 0"),
    ],
)
def test_what_the_fit_could_not_read_is_refused(fitted: VaDE, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fitted.predict(COUNTS, covariates=given)


def test_a_fit_refuses_what_may_be_meant_in_two_ways_or_is_not_asked_for() -> None:
    with pytest.raises(TypeError, match="holds whole numbers, which may be categories or amounts"):
        VaDE(**QUICK, likelihood="poisson").fit(COUNTS, covariates=FRAME.assign(batch=1))
    plain = VaDE(**QUICK, pretraining=None, likelihood="poisson").fit(COUNTS)
    assert plain.model_.companions == ()
    assert type(plain.guide_.amortised.encoder).__name__ == "MLP"
    with pytest.raises(ValueError, match="covariates are given, and the fit had none"):
        plain.predict(COUNTS, covariates=FRAME)
    with pytest.raises(ValueError, match="size_factors are given, and the likelihood has none"):
        plain.predict(COUNTS, size_factors=np.ones(N))
    with pytest.raises(ValueError, match="covariates are given, and the components of VampPrior"):
        DeepMixture(**QUICK, prior=VampPriorMixture, likelihood="poisson").fit(
            COUNTS, covariates=FRAME
        )
    empty = COUNTS.copy()
    empty[4] = 0
    with pytest.raises(ValueError, match="X holds no counts in row 4"):
        VaDE(**QUICK, likelihood=SIZED).fit(empty)


def test_columns_of_a_frame_may_be_named() -> None:
    X = pd.DataFrame(COUNTS, columns=list("uvwxyz")).assign(**FRAME)
    quick = VaDE(**QUICK, pretraining=Autoencoder(epochs=1), likelihood=SIZED)
    named = quick.fit(X, covariates=["batch", "dose"])
    assert list(named.feature_names_in_) == list("uvwxyz")
    apart = VaDE(**QUICK, pretraining=Autoencoder(epochs=1), likelihood=SIZED)
    codes = apart.fit_transform(X[list("uvwxyz")], covariates=FRAME)
    np.testing.assert_array_equal(named.transform(X), codes)
    with pytest.raises(TypeError, match="columns of X in the fit, 'batch', 'dose', and X is a nd"):
        named.predict(COUNTS)
    with pytest.raises(ValueError, match="name 'dose', which is no column of X"):
        named.predict(X.drop(columns="dose"))


def test_labels_and_pairs_go_with_them() -> None:
    y = np.where(np.arange(N) < 6, np.arange(N) % 2, -1)
    pairs: Any = {"must_link": [[0, 2]], "cannot_link": [[0, 1]]}
    vade = VaDE(**QUICK, likelihood=SIZED, pretraining=None)
    vade.fit(COUNTS, y, covariates=FRAME, constraints=pairs)
    assert {"classification", "constraints"} <= vade.history_[-1].keys()


@pytest.mark.parametrize("kind", [VaDE, MFCVAE])
def test_images_and_ladders_have_them_too(kind: Any) -> None:
    images = RNG.random((N, 1, 16, 16))
    several = {"n_clusters": (2, 2), "latent_dim": (2, 2)} if kind is MFCVAE else {}
    estimator = kind(n_clusters=2, pretraining=None, start=None, random_state=0)
    estimator.set_params(**several, training=Training(max_epochs=1))
    estimator.fit(images, covariates=FRAME)
    assert estimator.transfer(images, {"batch": "c"}, covariates=FRAME).shape == images.shape
    if kind is MFCVAE:
        assert estimator.swap(images, images, covariates=FRAME).shape == images.shape


def test_a_neighbour_is_decoded_with_its_own_companions() -> None:
    z = torch.arange(6.0).unsqueeze(-1)
    data = Rows(z, covariates=10 * z, groups=torch.eye(6))
    batch = NeighbourRows(data, 2).take(torch.arange(6))
    assert torch.equal(batch.companions["target_covariates"], 10 * batch.companions["target"])
    assert "target_groups" not in batch.companions
    model, guide = DeepMixture(latent_dim=1, networks=Perceptron(4)).build((1,), n_covariates=1)
    own = Reconstruction(model, guide)(z, covariates=z)[0]
    other = Reconstruction(model, guide)(z, target=z, covariates=z, target_covariates=-z)[0]
    same = Reconstruction(model, guide)(z, target=z, covariates=z, target_covariates=z)[0]
    assert own == same != other


def test_starts_look_at_what_covariates_do_not_tell() -> None:
    model, _ = DeepMixture(networks=Perceptron(4)).build((2,), "normal", n_covariates=2)
    batch = torch.eye(2)[torch.arange(30) % 2]
    x = torch.randn(30, 2) + 100 * batch
    seen = model.coordinates(x, covariates=batch)
    for each in batch.T.bool():
        torch.testing.assert_close(seen[each].mean(0), x.mean(0), atol=1e-3, rtol=0)
        torch.testing.assert_close(seen[each].std(0), x[each].std(0), atol=1e-3, rtol=1e-3)


def test_arrays_are_read_by_position_and_reals_are_standardised() -> None:
    known = Covariates.learn(np.array([[1.0, 0.0], [3.0, 0.0]]), 2)
    assert known.encode(np.array([[3, 0]]), 1).tolist() == [[1.0, 0.0]]
    text = Covariates.learn(["b", "a", "b"], 3)
    assert text.encode(pd.Series(["a", "b"], dtype="category", name="0"), 2).tolist() == [
        [1.0, 0.0],
        [0.0, 1.0],
    ]
    assert Covariates.restored(text.described()) == text
    with pytest.raises(ValueError, match="damaged"):
        Covariates.restored({"columns": [{"name": "a"}]})
