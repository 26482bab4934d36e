"""Progressive training: the published numbers, a facet that has not joined, and the log."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from pyromix.guides import GaussianHead, Guide, LadderGuide
from pyromix.inference import (
    ClosedFormELBO,
    CollapseWarning,
    EnumeratedELBO,
    MixtureELBO,
    Progressive,
    ProgressiveObjective,
    ProgressiveRecipe,
    Trainer,
    make_fabric,
)
from pyromix.inference.phases.initialisation import refit_mixture
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE
from pyromix.networks import PerceptronLadder

ELBOS = [ClosedFormELBO, EnumeratedELBO]
X = (torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()


def story() -> tuple[MixtureVAE, Guide]:
    """Two facets in a ladder of perceptrons."""
    ladder = PerceptronLadder((8, 7))
    encoder, decoder = ladder.encoder((6,), 2), ladder.decoder((2, 1), (6,))
    model = MixtureVAE(
        Facets(GaussianMixture(3, 2), GaussianMixture(4, 1)), Bernoulli(decoder, (6,))
    )
    return model, LadderGuide(encoder, z_0=GaussianHead(8, 2), z_1=GaussianHead(7, 1))


def test_published_numbers() -> None:
    """3DShapes: 26 batches an epoch, z_2 alone for 101 epochs, z_1 fades in over 2,000 batches."""
    progressive = Progressive(joins=(26 * 101,), fade_steps=2000)
    steps = (0, 2625, 2626, 2627, 3626, 4626, 10_000)
    shallow, deep = zip(*(progressive.alphas(step) for step in steps), strict=True)
    assert shallow == pytest.approx((0, 0, 0, 1 / 2000, 0.5, 1, 1))
    assert deep == (1.0,) * len(steps)


def test_order_and_further_facets() -> None:
    progressive = Progressive(joins=(10, 20), fade_steps=4, order=(1, 0, 2))
    assert progressive.n_facets == 3
    assert progressive.alphas(12) == (0.5, 1.0, 0.0)
    assert progressive.alphas(21) == (1.0, 1.0, 0.25)
    assert Progressive(joins=(10, 20), fade_steps=4).alphas(12) == (0.0, 0.5, 1.0)
    assert Progressive(joins=(), fade_steps=4).alphas(0) == (1.0,)
    at_once = Progressive(joins=(0, 3), fade_steps=0)
    assert [at_once.alphas(step) for step in (0, 2, 3)] == [(0, 1, 1), (0, 1, 1), (1, 1, 1)]


def test_facets_are_fitted_anew_apart_from_those_before_them() -> None:
    progressive = Progressive(joins=(10, 20), fade_steps=4, refits=(5, 25, 25))
    assert progressive.due(4) == ()
    assert progressive.due(5) == ((2, ()),)
    assert progressive.due(25) == ((1, (2,)), (0, (2, 1)))
    late = Progressive(joins=(3,), fade_steps=4, order=(0, 1), refits=(9, 4))
    assert late.due(4) == ((1, ()),)
    assert late.due(9) == ((0, ()),)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"joins": (5,), "fade_steps": -1}, "fade_steps is -1"),
        ({"joins": (5,), "fade_steps": 1, "refits": (3,)}, "refits is"),
        ({"joins": (5,), "fade_steps": 1, "refits": (3, 4)}, "no sooner than it joins"),
        ({"joins": (5, 3), "fade_steps": 1}, "do not fall"),
        ({"joins": (-1,), "fade_steps": 1}, "from 0 on"),
        ({"joins": (5,), "fade_steps": 1, "order": (0, 2)}, "every facet from 0 to 1"),
    ],
)
def test_refusals(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Progressive(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("elbo", ELBOS)
def test_a_facet_that_has_not_joined_does_not_matter(elbo: type[MixtureELBO]) -> None:
    """Its prior, its head and both its rungs can be anything, and get no gradient."""
    model, guide = story()
    objective = ProgressiveObjective(elbo(), model, guide, Progressive((10,), 5))
    own = [
        *model.prior.mixtures[0].parameters(),
        *guide.heads["z_0"].parameters(),
        *model.likelihood.decoder.rungs[0].parameters(),
    ]
    losses = []
    for _ in range(2):
        torch.manual_seed(1)
        loss, parts = objective(X)
        losses.append(loss.detach())
        slopes = torch.autograd.grad(loss, own, allow_unused=True)
        assert all(slope is None or not slope.any() for slope in slopes)
        assert parts["kl_z_0"] == parts["kl_c_0"] == 0
        for parameter in own:
            parameter.data += 0.5
    assert losses[0] == losses[1]
    objective.elbo.step = 12
    loss, parts = objective(X)
    assert all(slope.any() for slope in torch.autograd.grad(loss, own))
    assert parts["kl_z_0"] != 0


@pytest.mark.parametrize("elbo", ELBOS)
def test_half_way_in_the_loss_is_that_of_half_weights(elbo: type[MixtureELBO]) -> None:
    model, guide = story()
    weighed = elbo(kl_weight=(2.0, 3.0))
    objective = ProgressiveObjective(weighed, model, guide, Progressive((10,), 4))
    objective.elbo.step = 12
    torch.manual_seed(1)
    loss, _ = objective(X)
    torch.manual_seed(1)
    with model.likelihood.decoder.faded((0.5, 1.0)):
        by_hand = elbo(kl_weight=(1.0, 3.0)).differentiable_loss(model, guide, X)
    torch.testing.assert_close(loss, by_hand)
    assert weighed.kl_weight("_0") == 2.0  # the caller's own objective is not faded


def test_without_joins_it_is_plain_training() -> None:
    model, guide = story()
    objective = ProgressiveObjective(ClosedFormELBO(), model, guide, Progressive((0,), 1))
    objective.elbo.step = 1
    torch.manual_seed(1)
    loss, _ = objective(X)
    torch.manual_seed(1)
    assert torch.equal(loss, ClosedFormELBO().differentiable_loss(model, guide, X))


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_the_history_tells_the_coefficients_beside_the_parts() -> None:
    recipe = ProgressiveRecipe(
        ClosedFormELBO(kl_weight=(1.0, 2.0)),
        Trainer(max_epochs=4, batch_size=10),
        initialisation="none",
        progressive=Progressive((8,), 8),
    )
    _, _, rows = recipe.fit(make_fabric("cpu"), story, X, validation=X)
    assert [row["alpha_0"] for row in rows] == [0.0, 0.0, 0.5, 1.0]
    assert [row["beta_0"] for row in rows] == [0.0, 0.0, 0.5, 1.0]
    assert [row["alpha_1"] for row in rows] == [1.0] * 4
    assert not any("refitted_0" in row for row in rows)
    assert [row["beta_1"] for row in rows] == [2.0] * 4
    names = ("reconstruction", "kl_z_0", "kl_c_0", "kl_z_1", "kl_c_1")
    for row in rows:
        assert sum(row[name] for name in names) == pytest.approx(row["loss"], rel=1e-5)


def test_a_step_saved_is_a_fade_resumed() -> None:
    objectives = [
        ProgressiveObjective(ClosedFormELBO(), *story(), Progressive((2,), 4)) for _ in range(2)
    ]
    for _ in range(5):
        objectives[0](X)
    objectives[1].load_state_dict(objectives[0].state_dict())
    torch.manual_seed(1)
    one, _ = objectives[0](X)
    torch.manual_seed(1)
    other, _ = objectives[1](X)
    assert torch.equal(one, other)


def test_it_needs_a_ladder_of_as_many_facets() -> None:
    model, guide = story()
    with pytest.raises(ValueError, match="the ladder has 2"):
        ProgressiveObjective(ClosedFormELBO(), model, guide, Progressive((1, 2), 1))
    with pytest.raises(ValueError, match="kl_weight has 3 weights"):
        ProgressiveObjective(
            ClosedFormELBO(kl_weight=(1, 1, 1)), model, guide, Progressive((1,), 1)
        )
    plain = MixtureVAE(GaussianMixture(3, 2), Bernoulli(nn.Linear(2, 6), (6,)))
    with pytest.raises(TypeError, match="the decoder is a Linear"):
        ProgressiveObjective(ClosedFormELBO(), plain, guide, Progressive((), 1))


def test_before_its_step_a_mixture_is_fitted_anew_and_only_in_training() -> None:
    progressive = Progressive((2,), 1, refits=(0, 4))
    model, guide = story()
    objective = ProgressiveObjective(ClosedFormELBO(), model, guide, progressive, X, seed=3)
    objective.elbo.step = 4
    before = [mixture.loc.detach().clone() for mixture in model.prior.mixtures]
    with torch.no_grad():
        objective.eval()(X)
    assert torch.equal(model.prior.mixtures[0].loc, before[0])
    objective.train()(X)
    fitted = model.prior.mixtures[0].loc.detach().clone()
    assert not torch.equal(fitted, before[0])
    assert torch.equal(model.prior.mixtures[1].loc, before[1])
    objective(X)  # the next step leaves it alone
    assert torch.equal(model.prior.mixtures[0].loc, fitted)
    refit_mixture(model, guide, X, 0, given=(1,), seed=3)
    assert torch.equal(model.prior.mixtures[0].loc, fitted)


def test_to_fit_anew_it_needs_the_data() -> None:
    with pytest.raises(ValueError, match="give the data as x"):
        ProgressiveObjective(ClosedFormELBO(), *story(), Progressive((1,), 1, refits=(0, 2)))


def test_until_it_is_fitted_anew_a_facet_may_be_one_cluster() -> None:
    """Nothing is warned of, though the clusters of facet 0 are alike all along."""

    def alike() -> tuple[MixtureVAE, Guide]:
        model, guide = story()
        with torch.no_grad():
            model.prior.mixtures[0].loc.zero_()
        return model, guide

    for refits, told in (((), True), ((0, 20), False)):
        recipe = ProgressiveRecipe(
            ClosedFormELBO(),
            Trainer(max_epochs=6, batch_size=10, learning_rate=1e-9),
            initialisation="none",
            progressive=Progressive((0,), 0, refits=refits),
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, _, rows = recipe.fit(make_fabric("cpu"), alike, X)
        words = [str(each.message) for each in caught if each.category is CollapseWarning]
        assert any("all data have fallen in one cluster of 'c_0'" in each for each in words) is told
        assert [row.get("refitted_0") for row in rows][-2:] == (
            [0.0, 1.0] if refits else [None] * 2
        )
