"""Companions of a batch's rows, by every rule and bound: each row is that of a story of its own.

A story and a guide that add a map of their companion ``side`` to what their networks are given are,
for the rows of one side, a plain story and guide whose networks are given so much more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from pyromix.guides import Guide
from pyromix.inference import (
    Affiliation,
    Classification,
    PairwiseConstraints,
    Rows,
    encode,
    importance_weighted_bound,
    interpolate,
    posterior_draws,
    posterior_predictive,
    prior_predictive,
    reconstruct,
    responsibilities,
    responsibility_spread,
    sample,
)
from pyromix.inference import (
    bound as evidence_bound,
)
from pyromix.inference.prediction import decode
from pyromix.models import Likelihood, MixtureVAE
from pyromix.testing.brute_force import BruteForce
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import expected

from .cases import BOUNDS, CASES, Case

SIDE = torch.tensor([[0.5, -1.0], [0.0, 1.5], [-0.7, 0.2]], dtype=torch.float64)
X = CASES[0].data()
Pair = tuple[MixtureVAE, Guide]


class Moved(nn.Module):
    """A network that is given more by a map of the side, which is each row's or one of its own."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network, self.shift = network, nn.Linear(2, width, bias=False).double()
        self.own: Tensor | None = None

    @property
    def companions(self) -> tuple[str, ...]:
        return () if self.own is not None else ("side",)

    def moved(self, given: Tensor, side: Tensor | None) -> Tensor:
        assert (side is None) != (self.own is None)
        shift: Tensor = self.shift(self.own if side is None else side)
        return given + shift

    def forward(self, given: Tensor, side: Tensor | None = None) -> Tensor:
        answer: Tensor = self.network(self.moved(given, side))
        return answer


class Sided(Likelihood, abstract=True):
    """A likelihood whose code is moved by the side of each row."""

    def __init__(self, inner: Likelihood, width: int) -> None:
        super().__init__(inner.decoder, inner.event_shape)
        self.inner, self.moving = inner, Moved(nn.Identity(), width)

    @property
    def companions(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.moving.companions

    def distribution(self, z: Tensor, *, side: Tensor | None = None) -> TorchDistribution:
        return self.inner.distribution(self.moving(z, side))


def built(case: Case, assignment: str = "marginal") -> Pair:
    """The case with a companion."""
    torch.manual_seed(1)
    model, guide = case.build(assignment)
    guide.amortised.encoder = Moved(guide.amortised.encoder, X.shape[1])
    model.likelihood = Sided(model.likelihood, model.prior.latent_dim)
    return model, guide


@contextmanager
def of_side(model: MixtureVAE, guide: Guide, side: Tensor) -> Iterator[None]:
    """A scope in which both are plain, of one side, and know no companion."""
    moved = [each for part in (model, guide) for each in part.modules() if isinstance(each, Moved)]
    assert len(moved) == 2
    for each in moved:
        each.own = side
    try:
        yield
    finally:
        for each in moved:
            each.own = None


@pytest.mark.parametrize("name", ["gaussian-diag", "style"])
@pytest.mark.parametrize("rule", ["marginal", "optimal", "amortised"])
def test_equals_brute_force_row_by_row(name: str, rule: str, bound: str) -> None:
    chosen = next(each for each in CASES if each.name == name)
    model, guide = built(chosen, rule)
    elbo = BOUNDS[bound]()

    def loss(rows: Tensor, **companions: Tensor) -> Tensor:
        return elbo.differentiable_loss(model, guide, rows, **companions)

    ours = expected(loss, guide, X, chosen.order, side=SIDE)
    hand = []
    for x, side in zip(X.split(1), SIDE, strict=True):
        with of_side(model, guide, side):
            hand.append(BruteForce(model, guide, x, chosen.points).under(rule))
    wanted = -torch.cat(hand).mean()
    assert_equal_in_value_and_gradient(ours, wanted, trainable(model, guide), 1e-6)


@pytest.fixture(params=["marginal", "optimal", "amortised"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return built(CASES[0], request.param)


def test_answers_are_those_of_each_row_s_own_story(pair: Pair) -> None:
    model, guide = pair
    rows = Rows(X, side=SIDE)

    def answers(x: Tensor | Rows) -> dict[str, Tensor]:
        return {
            "codes": encode(model, guide, x)["z"],
            "probabilities": responsibilities(model, guide, x, num_samples=40)["c"],
            "evidence": importance_weighted_bound(model, guide, x, num_samples=30),
            "reconstruction": reconstruct(model, guide, x),
            "spread": responsibility_spread(model, guide, x, n=20)["c"].mean,
            "drawn": posterior_draws(model, guide, x, 7)["c"].T,
            "ways": interpolate(model, guide, x, x, steps=3).transpose(0, 1),
        }

    found, swapped = answers(rows), answers(rows.at(torch.tensor([2, 0, 1])))
    apart = []
    for x, side in zip(X.split(1), SIDE, strict=True):
        with of_side(model, guide, side):
            apart.append(answers(x))
    for name, answer in found.items():
        torch.testing.assert_close(answer, torch.cat([each[name] for each in apart]))
        torch.testing.assert_close(answer[[2, 0, 1]], swapped[name])
    other = {"side": SIDE.flip(0)}
    transferred = reconstruct(model, guide, rows, companions=other)
    own = decode(model, {"z": found["codes"]}, companions=other, batch_size=2)
    torch.testing.assert_close(transferred, own)
    assert not torch.allclose(transferred, found["reconstruction"])


def test_draws_are_those_of_the_story_of_their_side(pair: Pair) -> None:
    model, guide = pair
    side = SIDE[:1].expand(3, 2)
    rows = Rows(X, side=side, groups=torch.eye(3).double())  # answers know of no groups

    def draws(x: Tensor | Rows, given: Any = None) -> dict[str, Tensor]:
        return {
            "bound": evidence_bound(model, guide, x, num_samples=3),
            "replicates": posterior_predictive(model, guide, x, 4),
            "drawn": sample(model, 3, companions=given, batch_size=2)[0],
            "before": prior_predictive(model, 3, companions=given, batch_size=2)["x"],
        }

    found = draws(rows, {"side": side})
    with of_side(model, guide, side[0]):
        wanted = draws(X)
    for name, answer in found.items():
        torch.testing.assert_close(answer, wanted[name])
    with pytest.raises(ValueError, match="side has 2 rows"):
        sample(model, 3, companions={"side": side[:2]})


def test_terms_look_at_rows_with_the_companions_of_those_rows(bound: str) -> None:
    """Labelled rows and pairs of rows are others than the batch's, with sides of their own."""
    model, guide = built(CASES[0], "amortised")  # whose law of c is not drawn
    elbo = BOUNDS[bound]([Affiliation(), Classification(), PairwiseConstraints()])
    groups, linked = torch.eye(3).double()[:2], torch.ones(2).double()
    parts = elbo.parts(
        model,
        guide,
        X,
        side=SIDE,
        labelled=X[:2],
        labelled_side=SIDE[:2],
        labelled_groups=groups,
        first=X[1:],
        first_side=SIDE[1:],
        second=X[:2],
        second_side=SIDE[:2],
        linked=linked,
    )
    gamma = guide.infer(X, side=SIDE)[1]["c"].softmax(-1)
    torch.testing.assert_close(parts["affiliation"], -(gamma * gamma.log()).sum(-1).mean())
    torch.testing.assert_close(parts["classification"], -(groups * gamma[:2].log()).sum(-1).mean())
    together = (gamma[1:] * gamma[:2]).sum(-1)
    torch.testing.assert_close(parts["constraints"], -together.log().mean())
