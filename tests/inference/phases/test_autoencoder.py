"""Pretraining by reconstruction: the loss, its targets, and what it is trained with."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide
from pyromix.inference import (
    Autoencoder,
    Budget,
    Checkpoint,
    Neighbours,
    Reconstruction,
    Rows,
    Trainer,
    Training,
    make_fabric,
)
from pyromix.inference.phases import Fit, NeighbourRows, Pretraining
from pyromix.models import GaussianMixture, MixtureVAE, Normal


@pytest.fixture
def x() -> Tensor:
    """Points in the plane."""
    return torch.randn(100, 2, dtype=torch.float64)


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """A story whose code is the datum itself."""
    head = GaussianHead(2, 2)
    guide = AmortisedGuide(nn.Identity(), z=head).double()
    with torch.no_grad():
        head.linear.weight[:2] = torch.eye(2)
        head.linear.bias.zero_()
    model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 2), (2,), scale=0.5)).double()
    return model, guide


def bits(*modules: nn.Module) -> list[Tensor]:
    return [value.clone() for module in modules for value in module.state_dict().values()]


def test_the_loss_is_that_of_the_posterior_mean(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    model, guide = story
    decoded = model.likelihood.decoder(x).detach().numpy()
    for target in (None, x.flip(0)):
        loss, parts = Reconstruction(model, guide)(x, target)
        wanted = (x if target is None else target).numpy()
        by_hand = -norm(decoded, 0.5).logpdf(wanted).sum(1).mean()
        assert loss.item() == pytest.approx(by_hand)
        assert parts == {"reconstruction": loss.detach()}


def test_the_prior_and_the_noise_have_no_gradient(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    model, guide = story
    Reconstruction(model, guide)(x)[0].backward()
    assert all(p.grad is None for p in model.prior.parameters())
    assert (guide.heads["z"].linear.weight.grad[2:] == 0).all()
    assert guide.heads["z"].linear.weight.grad[:2].abs().min() > 0


def test_neighbours_are_targets_and_the_datum_itself_is_not(x: Tensor) -> None:
    rows = NeighbourRows(Rows(x), 4)
    distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    nearest = np.sort(np.argsort(distance, axis=1)[:, :4], axis=1)
    np.testing.assert_array_equal(np.sort(rows.companions["neighbours"], axis=1), nearest)
    chosen = torch.arange(100).repeat(400)
    batch, companions = rows.take(chosen)
    target = companions["target"]
    assert torch.equal(batch, x[chosen])
    found = (target.unsqueeze(1) == x).all(-1).double().argmax(1)
    shares = torch.zeros(100, 100).index_put((chosen, found), torch.tensor(1 / 400), True)
    assert [set(np.flatnonzero(row)) for row in shares] == [set(row) for row in nearest]
    assert float((shares[shares > 0] - 0.25).abs().max()) < 5 * np.sqrt(0.25 * 0.75 / 400)


def test_many_features_are_compared_in_their_principal_components() -> None:
    """What has no variance beside the rest does not tell who is near."""
    plane = torch.randn(120, 2, dtype=torch.float64)
    turned = torch.linalg.qr(torch.randn(60, 60, dtype=torch.float64))[0][:2]
    there, here = (NeighbourRows(Rows(z), 3) for z in (plane @ turned, plane))
    assert torch.equal(*(each.companions["neighbours"].sort(1).values for each in (there, here)))


@pytest.mark.parametrize("n_neighbours", [99, 100, 1000])
def test_all_others_are_neighbours_of_few_data(x: Tensor, n_neighbours: int) -> None:
    neighbours = NeighbourRows(Rows(x), n_neighbours).companions["neighbours"]
    assert neighbours.shape == (100, 99)
    everyone = torch.arange(100)
    for row, near in enumerate(neighbours.sort(1).values):
        assert torch.equal(near, everyone[everyone != row])


def fit_of(story: tuple[MixtureVAE, Guide], x: Tensor, **more: Any) -> Fit:
    """A fit whose joint training has a pace of its own."""
    training = Training(batch_size=25, learning_rate_decay=(0.5, 1), gradient_clip=0.2)
    return Fit(*story, Rows(x), 3, training, make_fabric("cpu", "64-true"), **more)


def test_batches_decay_and_clipping_are_those_of_the_joint_training(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    fit, other = fit_of(story, x, suffix=" 2"), copy.deepcopy(story)
    Autoencoder(2, learning_rate=0.01)(fit)
    Trainer(2, 25, 0.01, learning_rate_decay=(0.5, 1), gradient_clip=0.2).fit(
        Reconstruction(*other), x, fabric=make_fabric("cpu", "64-true"), phase="pretrain 2", seed=3
    )
    assert all(torch.equal(a, b) for a, b in zip(bits(*story), bits(*other), strict=True))
    assert [(row["phase"], row["epoch"]) for row in fit.history] == [
        ("pretrain 2", 1),
        ("pretrain 2", 2),
    ]
    assert isinstance(fit.pretrained, Reconstruction)


@pytest.mark.parametrize("kind", [Autoencoder, Neighbours])
def test_it_teaches_code_and_decoder_and_not_the_prior(
    story: tuple[MixtureVAE, Guide], x: Tensor, kind: type[Pretraining]
) -> None:
    fit, prior = fit_of(story, x), bits(story[0].prior)
    kind(epochs=Budget(12), learning_rate=0.05)(fit)  # type: ignore[call-arg]
    assert len(fit.history) == 3  # 12 steps of 4 an epoch
    assert fit.history[-1]["reconstruction"] < fit.history[0]["reconstruction"] - 0.1
    assert all(torch.equal(a, b) for a, b in zip(prior, bits(story[0].prior), strict=True))


def test_no_epochs_leave_everything_alone(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    fit, before = fit_of(story, x), bits(*story)
    Neighbours(epochs=0)(fit)
    assert (fit.history, fit.pretrained) == ([], None)
    assert all(torch.equal(a, b) for a, b in zip(before, bits(*story), strict=True))


def test_neighbours_are_not_looked_for_again_once_it_is_over(
    story: tuple[MixtureVAE, Guide], x: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fit_of(story, x, checkpoint=Checkpoint(tmp_path / "c.pt"))
    Neighbours(epochs=1)(first)
    trained = bits(*story)
    monkeypatch.setattr(
        "pyromix.inference.phases.autoencoder.NeighbourRows", lambda *_: pytest.fail("searched")
    )
    decoder = story[0].likelihood.decoder
    assert isinstance(decoder, nn.Linear)
    with torch.no_grad():
        decoder.weight.zero_()
    again = fit_of(story, x, checkpoint=Checkpoint(tmp_path / "c.pt"))
    Neighbours(epochs=1)(again)
    assert all(torch.equal(a, b) for a, b in zip(trained, bits(*story), strict=True))
    assert again.history == first.history
