"""Progressive training: the published numbers, a facet that has not joined, and the log."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pyromix.guides import GaussianHead, Guide, LadderGuide
from pyromix.inference import (
    Clock,
    ClosedFormELBO,
    Constant,
    EnumeratedELBO,
    LinearWarmup,
    MixtureELBO,
    ObjectiveModule,
    PerEpoch,
    Progressive,
    Recipe,
    Rows,
    Training,
    make_fabric,
)
from pyromix.inference.phases import Fit, Joining
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE
from pyromix.networks import LadderDecoder, PerceptronLadder

ELBOS: list[type[MixtureELBO]] = [ClosedFormELBO, EnumeratedELBO]
X = (torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()


def story() -> tuple[MixtureVAE, Guide]:
    """Two facets in a ladder of perceptrons."""
    networks = PerceptronLadder((8, 7))
    encoder, decoder = networks.encoder((6,), 2), networks.decoder((2, 1), (6,))
    model = MixtureVAE(
        Facets(GaussianMixture(3, 2), GaussianMixture(4, 1)), Bernoulli(decoder, (6,))
    )
    return model, LadderGuide(encoder, z_0=GaussianHead(8, 2), z_1=GaussianHead(7, 1))


def faded(
    elbo: MixtureELBO, join: int, fade_steps: int, model: MixtureVAE, guide: Guide
) -> ObjectiveModule:
    """The objective of a training of 40 epochs of one step, in which a facet joins at a step."""
    during = (Progressive((join,), fade_steps),)
    training = Training(max_epochs=40, batch_size=40, during=during)
    return training.objective(Fit(model, guide, Rows(X), 0, training), elbo)


def test_published_numbers() -> None:
    """3DShapes: 26 batches an epoch, z_2 alone for 101 epochs, z_1 fades in over 2,000 batches."""
    clock = Clock(steps_per_epoch=26, epochs=400)
    joining = Progressive(join_epochs=(101,), fade_steps=2000).joining(2, clock)
    assert joining == Joining(joins=(26 * 101,), fade_steps=2000)
    steps = (0, 2625, 2626, 2627, 3626, 4626, 10_000)
    shallow, deep = zip(*(joining.alphas(step) for step in steps), strict=True)
    assert shallow == pytest.approx((0, 0, 0, 1 / 2000, 0.5, 1, 1))
    assert deep == (1.0,) * len(steps)


def test_order_and_further_facets() -> None:
    joining = Joining(joins=(10, 20), fade_steps=4, order=(1, 0, 2))
    assert joining.n_facets == 3
    assert joining.facets == (1, 0, 2)
    assert joining.alphas(12) == (0.5, 1.0, 0.0)
    assert joining.alphas(21) == (1.0, 1.0, 0.25)
    assert Joining(joins=(10, 20), fade_steps=4).alphas(12) == (0.0, 0.5, 1.0)
    assert Joining(joins=(), fade_steps=4).alphas(0) == (1.0,)
    at_once = Joining(joins=(0, 3), fade_steps=0)
    assert [at_once.alphas(step) for step in (0, 2, 3)] == [(0, 1, 1), (0, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize(
    ("n_facets", "epochs", "joins", "fade_steps"),
    [(1, 30, (), 150), (2, 30, (100,), 100), (3, 40, (100, 200), 50), (2, 1, (0,), 5)],
)
def test_by_default_facets_join_evenly_and_fade_for_half_of_what_is_left(
    n_facets: int, epochs: int, joins: tuple[int, ...], fade_steps: int
) -> None:
    found = Progressive().joining(n_facets, Clock(steps_per_epoch=10, epochs=epochs))
    assert (found.joins, found.fade_steps) == (joins, fade_steps)


def test_the_weights_of_the_latents_are_faded_as_the_rungs_are() -> None:
    joining, clock = Joining((10,), 4), Clock(steps_per_epoch=5, epochs=9)
    warmup = PerEpoch(LinearWarmup(0.0, 3.0, 6))
    for weights in ([warmup], [Constant(2.0), warmup]):
        found = joining.kl_weights(weights)
        for step in range(40):
            alphas = joining.alphas(step)
            own = [weights[0], weights[-1]]
            by_hand = [
                alpha * weight.at(step, clock) for alpha, weight in zip(alphas, own, strict=True)
            ]
            assert [weight.at(step, clock) for weight in found] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"joins": (5,), "fade_steps": -1}, "fade_steps is -1"),
        ({"joins": (5, 3), "fade_steps": 1}, "do not fall"),
        ({"joins": (-1,), "fade_steps": 1}, "from 0 on"),
        ({"joins": (5,), "fade_steps": 1, "order": (0, 2)}, "every facet from 0 to 1"),
    ],
)
def test_refusals(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Joining(**settings)


@pytest.mark.parametrize(
    ("progressive", "words"),
    [
        (Progressive((1, 2)), "there are 2 facets: give an epoch for each but the first"),
        (Progressive(()), "there are 2 facets: give an epoch for each but the first"),
        (Progressive((8,), 30), "in 10 epochs of 10 batches the last facet would not come in"),
        (Progressive((1,), 1, (0, 2)), "every facet from 0 to 1"),
    ],
)
def test_joinings_that_a_training_cannot_have(progressive: Progressive, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        progressive.joining(2, Clock(steps_per_epoch=10, epochs=10))


@pytest.mark.parametrize("elbo", ELBOS)
def test_a_facet_that_has_not_joined_does_not_matter(elbo: type[MixtureELBO]) -> None:
    """Its prior, its head and both its rungs can be anything, and get no gradient."""
    model, guide = story()
    objective = faded(elbo(), 10, 5, model, guide)
    decoder = model.likelihood.decoder
    assert isinstance(decoder, LadderDecoder)
    own = [
        *model.prior.mixtures[0].parameters(),
        *guide.heads["z_0"].parameters(),
        *decoder.rungs[0].parameters(),
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
    objective = faded(elbo(kl_weight=(2.0, 3.0)), 10, 4, model, guide)
    objective.elbo.step = 12
    torch.manual_seed(1)
    loss, _ = objective(X)
    torch.manual_seed(1)
    decoder = model.likelihood.decoder
    assert isinstance(decoder, LadderDecoder)
    with decoder.faded((0.5, 1.0)):
        by_hand = elbo(kl_weight=(1.0, 3.0)).differentiable_loss(model, guide, X)
    torch.testing.assert_close(loss, by_hand)


def test_without_joins_it_is_plain_training() -> None:
    model, guide = story()
    objective = faded(ClosedFormELBO(), 0, 1, model, guide)
    objective.elbo.step = 1
    torch.manual_seed(1)
    loss, _ = objective(X)
    torch.manual_seed(1)
    assert torch.equal(loss, ClosedFormELBO().differentiable_loss(model, guide, X))


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_the_history_tells_the_coefficients_beside_the_parts() -> None:
    elbo = ClosedFormELBO(kl_weight=(1.0, 2.0))
    training = Training(max_epochs=4, batch_size=10, during=(Progressive((2,), 8),))
    recipe = Recipe(elbo, training)
    _, _, rows = recipe.fit(make_fabric("cpu"), story, X, validation=X)
    assert [row["alpha_0"] for row in rows] == [0.0, 0.0, 0.5, 1.0]
    assert [row["beta_0"] for row in rows] == [0.0, 0.0, 0.5, 1.0]
    assert [row["alpha_1"] for row in rows] == [1.0] * 4
    assert [row["beta_1"] for row in rows] == [2.0] * 4
    assert [weight(0) for weight in elbo.kl_weights] == [1.0, 2.0]  # the caller's are not faded
    names = ("reconstruction", "kl_z_0", "kl_c_0", "kl_z_1", "kl_c_1")
    for row in rows:
        assert sum(row[name] for name in names) == pytest.approx(row["loss"], rel=1e-5)


def test_a_step_saved_is_a_fade_resumed() -> None:
    objectives = [faded(ClosedFormELBO(), 2, 4, *story()) for _ in range(2)]
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
    with pytest.raises(ValueError, match="kl_weight has 3 weights"):
        faded(ClosedFormELBO(kl_weight=(1, 1, 1)), 1, 1, model, guide)
    plain = MixtureVAE(GaussianMixture(3, 2), Bernoulli(nn.Linear(2, 6), (6,)))
    training = Training(max_epochs=3, during=(Progressive(),))
    with pytest.raises(TypeError, match="the decoder is a Linear"):
        training.objective(Fit(plain, guide, Rows(X), 0, training), ClosedFormELBO())


def test_patience_could_stop_before_all_have_joined() -> None:
    training = Training(patience=2, during=(Progressive(),))
    with pytest.raises(ValueError, match=r"patience is 2: .* without Progressive"):
        training.objective(Fit(*story(), Rows(X), 0, training), ClosedFormELBO())
