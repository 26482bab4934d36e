"""Same seed, same bits; and no generator of anyone's is left changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from torch import Tensor

from pyromix.inference import (
    Autoencoder,
    InformationFloor,
    KMeansStart,
    ObjectiveModule,
    Recipe,
    Trainer,
    Training,
    bound,
    encode,
    importance_weighted_bound,
    make_fabric,
    posterior_predictive,
    reconstruct,
    responsibilities,
    sample,
)

from .cases import BOUNDS, Case


def generators() -> list[Any]:
    """The states of all global generators."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002, the global one is meant
    key = state["state"].pop("key").tolist()
    return [torch.get_rng_state().tolist(), random.getstate(), key, state]


def assert_leaves_no_trace(function: Callable[[], Any]) -> Any:
    """Call it; global generators and Pyro's parameter store must be as before."""
    before, stored = generators(), dict(pyro.get_param_store().items())
    answer = function()
    assert generators() == before
    assert dict(pyro.get_param_store().items()) == stored
    return answer


def bits(*modules: torch.nn.Module) -> list[Tensor]:
    """All tensors of the modules."""
    return [value.clone() for module in modules for value in module.state_dict().values()]


def test_training(case: Case, assignment: str, bound: str) -> None:
    ends = []
    for disturbed in (0, 1):
        model, guide = case.build(assignment)
        torch.manual_seed(disturbed)
        objective = ObjectiveModule(BOUNDS[bound]([InformationFloor(0.5)]), model, guide)
        trainer = Trainer(max_epochs=2, batch_size=8)
        fit = partial(trainer.fit, objective, case.data(24), seed=5)
        history = assert_leaves_no_trace(partial(fit, fabric=make_fabric("cpu", "64-true")))
        ends.append((bits(model, guide), [row["loss"] for row in history]))
    (first, losses), (second, same) = ends
    assert losses == same
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_other_bits(case: Case, assignment: str) -> None:
    ends = []
    for seed in (5, 6):
        model, guide = case.build(assignment)
        objective = ObjectiveModule(BOUNDS["closed-form"](), model, guide)
        Trainer(max_epochs=1, batch_size=8).fit(
            objective, case.data(24), fabric=make_fabric("cpu", "64-true"), seed=seed
        )
        ends.append(bits(model, guide))
    assert not all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_all_phases(case: Case) -> None:
    x = case.data(60)
    ends = []
    for disturbed in (0, 1):
        torch.manual_seed(disturbed)
        recipe = Recipe(
            BOUNDS["closed-form"](),
            Training(max_epochs=2, batch_size=16),
            Autoencoder(epochs=2),
            KMeansStart(),
        )

        def story() -> Any:
            torch.randn(1)
            return case.build(case.assignments[0], seed=int(torch.randint(100, ())))

        fabric = make_fabric("cpu", "64-true")
        found = assert_leaves_no_trace(partial(recipe.fit, fabric, story, x, seed=3))
        ends.append(bits(*found[:2]))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_predictions(case: Case, assignment: str) -> None:
    model, guide = case.build(assignment)
    model.train(), guide.train()
    x = case.data(6)
    functions: dict[str, Callable[[], Any]] = {
        "responsibilities": lambda: responsibilities(model, guide, x)["c"],
        "encode": lambda: encode(model, guide, x)["z"],
        "reconstruct": lambda: reconstruct(model, guide, x),
        "sample": lambda: sample(model, 20, seed=1)[0],
        "posterior_predictive": lambda: posterior_predictive(model, guide, x, 3, seed=1),
        "bound": lambda: bound(model, guide, x, num_samples=3, seed=1),
        "importance": lambda: importance_weighted_bound(model, guide, x, num_samples=9, seed=1),
    }
    weights = bits(model, guide)
    for name, function in functions.items():
        torch.manual_seed(0)
        first = assert_leaves_no_trace(function)
        torch.manual_seed(1)
        second = assert_leaves_no_trace(function)
        assert torch.equal(first, second), name
        assert not first.requires_grad
    assert all(torch.equal(a, b) for a, b in zip(weights, bits(model, guide), strict=True))
    assert model.training
    assert guide.training
