"""Objectives: schedules count optimiser steps, terms join the loss, and modules carry the state."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from pyro.infer import SVI
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor

from pyromix import VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    Affiliation,
    Clock,
    ClosedFormELBO,
    EnumeratedELBO,
    InformationFloor,
    LinearWarmup,
    MixtureELBO,
    ObjectiveModule,
    OverTraining,
    PerEpoch,
)
from pyromix.models import MixtureVAE
from pyromix.networks import Perceptron

BOUNDS = pytest.mark.parametrize("bound", [ClosedFormELBO, EnumeratedELBO])


@pytest.fixture
def story() -> tuple[MixtureVAE, Guide]:
    """A small VaDE, float64."""
    model, guide = VaDE(n_clusters=3, latent_dim=2, networks=Perceptron(5)).build((4,))
    return model.double(), guide.double()


@pytest.fixture
def x() -> Tensor:
    """Grey values, ``(6, 4)``."""
    return torch.rand(6, 4, dtype=torch.float64)


def seeded_loss(elbo: MixtureELBO, story: tuple[MixtureVAE, Guide], x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return elbo.differentiable_loss(*story, x)


@BOUNDS
def test_terms_are_added_with_their_weights(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    plain = seeded_loss(bound(), story, x)
    terms = [InformationFloor(3.0, weight=0.5), Affiliation(2.0)]
    elbo = bound(terms)
    total = seeded_loss(elbo, story, x)
    assert elbo.last is not None
    pair = elbo.last.responsibilities["c"]
    by_hand = plain + 0.5 * terms[0](*pair) + 2.0 * terms[1](*pair)
    torch.testing.assert_close(total, by_hand, rtol=0, atol=1e-12)
    parameters = list(story[0].prior.parameters())
    ours, wanted, bare = (
        torch.autograd.grad(value, parameters, retain_graph=True)
        for value in (total, by_hand, plain)
    )
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-10)
    assert not torch.allclose(ours[0], bare[0])


@BOUNDS
def test_a_weight_of_zero_changes_no_bit(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    elbo = bound([Affiliation(0.0)])
    assert torch.equal(seeded_loss(elbo, story, x), seeded_loss(bound(), story, x))
    assert elbo.last is not None
    assert elbo.last.parts["affiliation"] == 0


@BOUNDS
def test_schedules_count_the_steps_with_gradients_and_no_others(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    elbo = bound([Affiliation(LinearWarmup(0.0, 1.0, 4))], kl_weight=LinearWarmup(0.0, 1.0, 2))
    seen = []
    for _ in range(6):
        elbo.loss(*story, x)
        elbo.parts(*story, x)
        seen.append((elbo.kl_weight(), elbo.terms[0].weight(elbo.step)))
        elbo.differentiable_loss(*story, x)
    assert seen == [(0, 0), (0.5, 0.25), (1, 0.5), (1, 0.75), (1, 1), (1, 1)]


@BOUNDS
def test_each_facet_may_have_a_weight_of_its_own(bound: type[MixtureELBO]) -> None:
    elbo = bound(kl_weight=(0.25, LinearWarmup(0.0, 1.0, 2)))
    assert (elbo.kl_weight(0), elbo.kl_weight(1)) == (0.25, 0.0)
    assert bound(kl_weight=0.5).kl_weight(1) == 0.5


@BOUNDS
def test_without_the_latents_weight_only_the_reconstruction_remains(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    elbo = bound(kl_weight=0.0)
    loss = seeded_loss(elbo, story, x)
    assert elbo.last is not None
    torch.testing.assert_close(loss.detach(), elbo.last.parts["reconstruction"])
    gradients = torch.autograd.grad(loss, list(story[0].prior.parameters()), allow_unused=True)
    assert all(g is None or (g == 0).all() for g in gradients)


@BOUNDS
def test_svi_s_step_is_one_step_of_adam_on_the_loss(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    other = copy.deepcopy(story)
    torch.manual_seed(0)
    value = SVI(*story, Adam({"lr": 0.01}), bound()).step(x)
    parameters = [p for module in other for p in module.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    loss = seeded_loss(bound(), other, x)
    loss.backward()
    optimizer.step()
    assert value == pytest.approx(loss.item(), abs=1e-12)
    for mine, yours in zip(
        (p for module in story for p in module.parameters()), parameters, strict=True
    ):
        torch.testing.assert_close(mine, yours, rtol=0, atol=1e-12)


@BOUNDS
def test_objective_as_a_module(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    objective = ObjectiveModule(bound(), *story)
    torch.manual_seed(0)
    loss, parts = objective(x)
    torch.testing.assert_close(loss, seeded_loss(bound(), story, x))
    assert sum(parts.values()) == pytest.approx(loss.item())
    names = {name.split(".")[0] for name, _ in objective.named_parameters()}
    assert names == {"model", "guide"}


@BOUNDS
def test_objective_keeps_its_step_on_disk(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO], tmp_path: object
) -> None:
    objective = ObjectiveModule(bound(kl_weight=LinearWarmup(0.0, 1.0, 10)), *story)
    for _ in range(3):
        objective(x)
    torch.save(objective.state_dict(), f"{tmp_path}/state.pt")
    other = ObjectiveModule(bound(kl_weight=LinearWarmup(0.0, 1.0, 10)), *copy.deepcopy(story))
    other.load_state_dict(torch.load(f"{tmp_path}/state.pt", weights_only=True))
    assert other.elbo.step == 3
    assert other.elbo.kl_weight() == pytest.approx(0.3)


@pytest.mark.filterwarnings("ignore:Encountered NaN")
@BOUNDS
def test_nan_in_the_data_reaches_the_loop(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    """The loop tells of it in plain words; Pyro's own checks would end in a traceback."""
    x[0, 0] = torch.nan
    loss, _ = ObjectiveModule(bound(), *story)(x)
    assert loss.isnan()


def test_the_closed_form_records_no_traces(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    with pytest.raises(NotImplementedError, match="no traces"):
        next(iter(ClosedFormELBO()._get_traces(*story, (x,), {})))


def test_the_base_has_no_bound_of_its_own() -> None:
    with pytest.raises(TypeError, match=r"abstract class MixtureELBO .*negative_bound"):
        MixtureELBO()  # type: ignore[abstract]


@BOUNDS
def test_with_a_clock_schedules_count_epochs_and_the_whole_training(
    story: tuple[MixtureVAE, Guide], x: Tensor, bound: type[MixtureELBO]
) -> None:
    """Two epochs of two steps; the weight at a step is the logged part over the term's value."""
    elbo = bound(
        [Affiliation(OverTraining(LinearWarmup(0.0, 2.0, 1)))],
        kl_weight=PerEpoch(LinearWarmup(0.0, 1.0, 2)),
    )
    with pytest.raises(ValueError, match=r"needs a training that counts them: set .* clock"):
        elbo.loss(*story, x)
    elbo.clock = Clock(steps_per_epoch=2, epochs=2)
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        evaluation = elbo.evaluate(*story, x)
        term = elbo.terms[0](*evaluation.responsibilities["c"])
        assert evaluation.parts["affiliation"].item() == pytest.approx(2 * weight * term.item())
        elbo.step -= 1
        assert elbo.kl_weight() == weight
        elbo.step += 1


class Noting:
    """A hook that notes when it is called, and with what.

    Args:
        name: of the notes.
        notes: where they go.
    """

    def __init__(self, name: str, notes: list[Any]) -> None:
        self.name, self.notes = name, notes

    @contextmanager
    def around(self, step: int, training: bool) -> Iterator[None]:
        self.notes.append((self.name, "before", step, training))
        try:
            yield
        finally:
            self.notes.append((self.name, "after", step, training))

    def log(self, step: int, row: dict[str, Any]) -> None:
        row[self.name] = step


def test_hooks_stand_around_every_evaluation_at_its_step(
    story: tuple[MixtureVAE, Guide], x: Tensor
) -> None:
    notes: list[Any] = []
    model, guide = story
    guide.register_forward_hook(lambda *_: notes.append("evaluated"))
    hooks = [Noting("one", notes), Noting("other", notes)]
    objective = ObjectiveModule(EnumeratedELBO(), model, guide, hooks)
    objective(x)
    with torch.no_grad():
        objective.eval()(x)
    expected: list[Any] = []
    for step, training in ((0, True), (1, False)):
        before, after = ((when, step, training) for when in ("before", "after"))
        inner = [("other", *before), "evaluated", ("other", *after)]
        expected += [("one", *before), *inner, ("one", *after)]
    assert notes == expected
    row: dict[str, Any] = {"loss": 1.0}
    objective.log(1, row)
    assert row == {"loss": 1.0, "one": 1, "other": 1}
    assert [name for name, _ in objective.named_children()] == ["model", "guide"]


def test_hooks_end_when_an_evaluation_fails(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    notes: list[Any] = []
    objective = ObjectiveModule(ClosedFormELBO(), *story, [Noting("one", notes)])
    with pytest.raises(RuntimeError, match="shapes"):
        objective(x[:, :2])
    assert [when for _, when, *_ in notes] == ["before", "after"]
    assert objective.elbo.step == 0
