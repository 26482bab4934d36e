"""The phases of a fit: their order, what they leave alone, and the choice among restarts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pyromix import VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    Autoencoder,
    BestHead,
    Checkpoint,
    ClosedFormELBO,
    EnumeratedELBO,
    KMeansStart,
    LinearWarmup,
    Neighbours,
    Phase,
    Progressive,
    Recipe,
    Training,
    bound,
    make_fabric,
)
from pyromix.models import MixtureVAE
from pyromix.networks import Perceptron

QUICK = Training(max_epochs=2, batch_size=16)


def story() -> tuple[MixtureVAE, Guide]:
    """A small VaDE."""
    return VaDE(n_clusters=3, latent_dim=2, networks=Perceptron(16)).build((4,))


@pytest.fixture
def x() -> Tensor:
    """Three groups of grey values."""
    centres = torch.tensor([[0.1, 0.1, 0.9, 0.9], [0.9, 0.1, 0.9, 0.1], [0.5, 0.9, 0.1, 0.5]])
    return (centres.repeat(16, 1) + 0.05 * torch.randn(48, 4)).clamp(0, 1)


def recipe(**settings: Any) -> Recipe:
    """Two epochs of everything."""
    given = {"pretraining": Autoencoder(2), "start": KMeansStart(), **settings}
    return Recipe(ClosedFormELBO(), given.pop("training", QUICK), **given)


def bits(*modules: torch.nn.Module) -> list[Tensor]:
    return [value for module in modules for value in module.state_dict().values()]


def test_the_history_names_the_phases_in_order(x: Tensor) -> None:
    _, _, history = recipe().fit(make_fabric("cpu"), story, x)
    phases = [(row["phase"], row["epoch"]) for row in history]
    train = [("train", 1), ("train", 2)]
    assert phases == [("pretrain", 1), ("pretrain", 2), ("initialise", 1), *train]
    assert {"loss", "reconstruction", "kl_z", "kl_c", "occupied_clusters"} <= history[-1].keys()
    assert all(row["seconds"] >= 0 for row in history)


def test_phases_are_skipped_where_there_is_nothing_to_do(x: Tensor) -> None:
    bare = recipe(pretraining=None, start=None)
    assert {row["phase"] for row in bare.fit(make_fabric("cpu"), story, x)[2]} == {"train"}
    zero = recipe(pretraining=Autoencoder(0), start=None)
    assert {row["phase"] for row in zero.fit(make_fabric("cpu"), story, x)[2]} == {"train"}
    untrained = recipe(pretraining=None, training=Training(max_epochs=0))
    assert [r["phase"] for r in untrained.fit(make_fabric("cpu"), story, x)[2]] == ["initialise"]


def test_every_fit_has_schedules_of_its_own(x: Tensor) -> None:
    elbo = EnumeratedELBO(kl_weight=LinearWarmup(0.0, 1.0, 6))
    fitted = Recipe(elbo, QUICK)
    first = fitted.fit(make_fabric("cpu"), story, x)
    second = fitted.fit(make_fabric("cpu"), story, x)
    assert elbo.step == 0
    assert all(torch.equal(a, b) for a, b in zip(bits(*first[:2]), bits(*second[:2]), strict=True))


def test_restarts_are_chosen_by_the_held_out_bound(x: Tensor) -> None:
    held_out = x[:12]
    chosen = recipe(n_init=3)
    model, guide, history = chosen.fit(make_fabric("cpu"), story, x[12:], validation=held_out)
    bounds = [row["held_out_bound"] for row in history if "held_out_bound" in row]
    phases = [row["phase"] for row in history if row["phase"].startswith("train")]
    assert phases == [f"train {restart}" for restart in (1, 1, 2, 2, 3, 3)]
    assert len(set(bounds)) == 3
    kept = bound(model, guide, held_out, num_samples=10, seed=0).mean().item()
    assert kept == pytest.approx(max(bounds), abs=1e-6)


def test_restarts_need_data_to_be_chosen_by(x: Tensor) -> None:
    with pytest.raises(ValueError, match="n_init above 1 needs validation data"):
        recipe(n_init=2).fit(make_fabric("cpu"), story, x)


def test_neighbours_teach_another_code_than_the_data_themselves(x: Tensor) -> None:
    plain, again, neighbours = (
        recipe(pretraining=pretraining).fit(make_fabric("cpu"), story, x)
        for pretraining in (Autoencoder(2), Autoencoder(2), Neighbours(5, epochs=2))
    )
    assert all(torch.equal(a, b) for a, b in zip(bits(*plain[:2]), bits(*again[:2]), strict=True))
    one, other = (next(found[0].likelihood.decoder.parameters()) for found in (plain, neighbours))
    assert not torch.allclose(one, other)
    assert [row["phase"] for row in neighbours[2]] == [row["phase"] for row in plain[2]]


@pytest.mark.parametrize("interrupted", ["pretrain", "initialise", "train"])
def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(
    x: Tensor, tmp_path: Path, interrupted: str
) -> None:
    """The checkpoint of a fit cut off after a phase leads to the same bits."""

    class KilledError(Exception):
        pass

    class Cut(Checkpoint):
        def phase_done(self, phase: str, state: Any = None) -> None:
            super().phase_done(phase, state)
            if phase == interrupted:
                raise KilledError

    whole = recipe().fit(make_fabric("cpu"), story, x, seed=2)
    with pytest.raises(KilledError):
        recipe().fit(make_fabric("cpu"), story, x, seed=2, checkpoint=Cut(tmp_path / "c.pt"))
    resumed = recipe().fit(
        make_fabric("cpu"), story, x, seed=2, checkpoint=Checkpoint(tmp_path / "c.pt")
    )
    assert all(torch.equal(a, b) for a, b in zip(bits(*whole[:2]), bits(*resumed[:2]), strict=True))
    assert [row.get("loss") for row in resumed[2]] == [row.get("loss") for row in whole[2]]


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="n_init is 0"):
        recipe(n_init=0)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"start": KMeansStart(on="pixels")}, ValueError, "on is 'pixels'"),
        ({"start": BestHead()}, ValueError, r"needs pretraining=TwoView\(\)"),
        ({"training": Training(during=(Progressive(),))}, TypeError, "the decoder is a MLP"),
    ],
)
def test_a_rehearsal_refuses_what_would_fail_on_the_way(
    x: Tensor, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        recipe(**settings).rehearse(story, x, seed=0)
    assert "\n" not in str(caught.value)


def test_a_rehearsal_looks_at_all_the_data_and_changes_nothing(x: Tensor) -> None:
    model, guide = story()
    before, state = [value.clone() for value in bits(model, guide)], torch.get_rng_state()
    fitted = recipe()
    fitted.rehearse(lambda: (model, guide), x, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(before, bits(model, guide), strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert fitted.elbo.step == 0
    outside = torch.cat([x.repeat(3, 1), torch.tensor([[0.1, 0.2, 7.0, 0.3]])])
    with pytest.raises(ValueError, match="7, outside the support of the Bernoulli"):
        fitted.rehearse(story, outside, seed=0)


def test_phases_run_in_order_each_on_what_the_one_before_left(x: Tensor) -> None:
    """A phase of one's own is a phase like any other."""
    seen = []

    @dataclass(frozen=True, repr=False)
    class Noting(Phase, abstract=True):
        name: str

        def __call__(self, fit: Any, *more: Any) -> None:
            seen.append((self.name, fit.seed, fit.suffix, fit.pretrained, len(fit.history)))
            fit.pretrained = self.name
            fit.history.append({"phase": self.name})

    phases: dict[str, Any] = {"pretraining": Noting("first"), "start": Noting("second")}
    chosen = Recipe(ClosedFormELBO(), QUICK, **phases, n_init=2)
    _, _, history = chosen.fit(make_fabric("cpu"), story, x, seed=7, validation=x)
    assert seen == [
        ("first", 7, " 1", None, 0),
        ("second", 7, " 1", "first", 1),
        ("first", 8, " 2", None, 0),
        ("second", 8, " 2", "first", 1),
    ]
    found = [row["phase"] for row in history]
    restart = ["first", "second"]
    assert found == [*restart, "train 1", "train 1", *restart, "train 2", "train 2"]
