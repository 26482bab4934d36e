"""The phases of a fit: their order, what they leave alone, and the choice among restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pyromix.estimators import vade_story
from pyromix.guides import Guide
from pyromix.inference import (
    Checkpoint,
    ClosedFormELBO,
    EnumeratedELBO,
    LinearWarmup,
    Recipe,
    Trainer,
    bound,
    make_fabric,
)
from pyromix.models import MixtureVAE

QUICK: dict[str, Any] = {"max_epochs": 2, "batch_size": 16}


def story() -> tuple[MixtureVAE, Guide]:
    """A small VaDE."""
    return vade_story((4,), n_clusters=3, latent_dim=2, hidden_dims=(16,))


@pytest.fixture
def x() -> Tensor:
    """Three groups of grey values."""
    centres = torch.tensor([[0.1, 0.1, 0.9, 0.9], [0.9, 0.1, 0.9, 0.1], [0.5, 0.9, 0.1, 0.5]])
    return (centres.repeat(16, 1) + 0.05 * torch.randn(48, 4)).clamp(0, 1)


def recipe(**settings: Any) -> Recipe:
    """Two epochs of everything."""
    given = {"pretrain": Trainer(**QUICK), "initialisation": "kmeans", **settings}
    return Recipe(ClosedFormELBO(), Trainer(**QUICK), **given)


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
    bare = recipe(pretrain=None, initialisation="none")
    assert {row["phase"] for row in bare.fit(make_fabric("cpu"), story, x)[2]} == {"train"}
    zero = recipe(pretrain=Trainer(max_epochs=0), initialisation="none")
    assert {row["phase"] for row in zero.fit(make_fabric("cpu"), story, x)[2]} == {"train"}


def test_every_fit_has_schedules_of_its_own(x: Tensor) -> None:
    elbo = EnumeratedELBO(kl_weight=LinearWarmup(0.0, 1.0, 6))
    fitted = Recipe(elbo, Trainer(**QUICK), initialisation="none")
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


def test_augmented_batches_are_what_is_trained_on(x: Tensor) -> None:
    seen: list[tuple[int, ...]] = []

    def augment(batch: Tensor) -> Tensor:
        seen.append(tuple(batch.shape))
        return batch

    plain = recipe().fit(make_fabric("cpu"), story, x)
    same = recipe(augment=augment).fit(make_fabric("cpu"), story, x)
    assert seen == [(16, 4)] * 3 * 4
    assert all(torch.equal(a, b) for a, b in zip(bits(*plain[:2]), bits(*same[:2]), strict=True))


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
    with pytest.raises(ValueError, match="initialisation is 'pca': use one of"):
        recipe(initialisation="pca")
    with pytest.raises(ValueError, match="n_init is 0"):
        recipe(n_init=0)
