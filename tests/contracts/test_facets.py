"""Facets keep every contract: the bound, its cost, its parts, and what order means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyro
import pytest
import torch
from pyro import poutine
from pyro.distributions.testing.fakes import NonreparameterizedNormal
from pyro.infer import SVI, TraceEnum_ELBO
from pyro.optim import Adam  # type: ignore[attr-defined]
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pyromix.guides import AmortisedAssignment, AmortisedGuide, GaussianHead, OptimalAssignment
from pyromix.inference import (
    ClosedFormELBO,
    EnumeratedELBO,
    InformationFloor,
    ObjectiveModule,
    Trainer,
    bound,
    encode,
    importance_weighted_bound,
    make_fabric,
    responsibilities,
    sample,
)
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE
from pyromix.testing.laws import assert_equal_in_value_and_gradient, gradients, trainable
from pyromix.testing.nodes import drawing, expected

from .cases import BOUNDS
from .facets import RULES, X, binary, facets_story, loss_by_hand
from .test_programs import sites

EVEN, UNEVEN = (1.0, 1.0), (0.3, 0.7)


@pytest.fixture(params=list(RULES))
def rule(request: pytest.FixtureRequest) -> str:
    """The assignment rule."""
    return str(request.param)


@pytest.mark.parametrize("weights", [EVEN, UNEVEN])
def test_equals_brute_force(rule: str, bound: str, weights: tuple[float, float]) -> None:
    model, guide = facets_story(rule, latent_dims=(1, 1))
    x = binary()
    elbo = BOUNDS[bound](kl_weight=weights)
    ours = expected(lambda rows: elbo.evaluate(model, guide, rows).loss, guide, x, order=10)
    hand = loss_by_hand(model, guide, x, rule, weights)
    assert_equal_in_value_and_gradient(ours, hand, trainable(model, guide), 1e-6)


@pytest.mark.parametrize("weights", [EVEN, UNEVEN])
@pytest.mark.parametrize("particles", [1, 3])
def test_both_evaluations_agree_on_one_sample(
    rule: str, weights: tuple[float, float], particles: int
) -> None:
    """They differ by terms of mean zero that are written out here, and by nothing else."""
    model, guide = facets_story(rule)
    x, laws = binary(), None
    settings: dict[str, Any] = {"kl_weight": weights, "num_particles": particles}
    laws = guide.posterior(x)
    shape = (particles,) if particles > 1 else ()
    latents = {site: law.rsample(shape) for site, law in laws.items()}
    with drawing(guide, latents):
        enumerated = EnumeratedELBO(**settings).differentiable_loss(model, guide, x)
        closed = ClosedFormELBO(**settings).differentiable_loss(model, guide, x)
    excess: Any = 0.0
    for mixture, weight in zip(model.prior.mixtures, weights, strict=True):
        law, z = laws[mixture.site("z")], latents[mixture.site("z")]
        excess = excess + weight * (law.log_prob(z) + law.entropy())
        if rule == "optimal":
            mean_scores = mixture.expected_log_joint(law)
            lost = mean_scores.softmax(-1) * (mean_scores - mixture.log_joint(z))
            excess = excess + weight * lost.sum(-1)
    assert_equal_in_value_and_gradient(
        enumerated, closed + excess.mean(), trainable(model, guide), 1e-10
    )


@pytest.mark.parametrize("particles", [1, 3])
def test_enumerated_equals_pyro_s_own(rule: str, particles: int) -> None:
    model, guide = facets_story(rule)
    x = binary()
    theirs = TraceEnum_ELBO(num_particles=particles, vectorize_particles=True, max_plate_nesting=1)
    torch.manual_seed(1)
    their_loss = theirs.differentiable_loss(model, guide, x) / len(x)
    torch.manual_seed(1)
    our_loss = EnumeratedELBO(num_particles=particles).differentiable_loss(model, guide, x)
    assert_equal_in_value_and_gradient(our_loss, their_loss, trainable(model, guide), 1e-12)


@pytest.mark.parametrize("particles", [1, 3])
@pytest.mark.parametrize("weights", [1.0, 0.4, UNEVEN, (0.0, 1.0)])
def test_parts_sum_to_the_loss(rule: str, bound: str, weights: Any, particles: int) -> None:
    model, guide = facets_story(rule)
    floor = InformationFloor(2.0, weight=0.7)
    elbo = BOUNDS[bound]([floor], kl_weight=weights, num_particles=particles)
    names = {"reconstruction", "kl_z_0", "kl_c_0", "kl_z_1", "kl_c_1", "information_floor"}
    for scope in (torch.enable_grad(), torch.no_grad()):
        with scope:
            evaluation = elbo.evaluate(model, guide, binary())
        assert evaluation.parts.keys() == names
        assert not any(part.requires_grad for part in evaluation.parts.values())
        total = torch.stack(list(evaluation.parts.values())).sum()
        torch.testing.assert_close(total, evaluation.loss.detach(), rtol=0, atol=1e-10)
        shapes = {site: gamma.shape[-1] for site, (gamma, _) in evaluation.responsibilities.items()}
        assert shapes == {"c_0": 3, "c_1": 4}


def test_the_marginal_bound_is_tighter_than_the_optimal_one() -> None:
    x = binary()
    losses = [
        loss_by_hand(*facets_story(each, latent_dims=(1, 1)), x, each, EVEN) for each in RULES
    ]
    assert losses[0] < losses[1] - 1e-7


def test_one_facet_is_vade(rule: str, bound: str) -> None:
    """The same parameters under other names: the same bits."""
    faceted, faceted_guide = facets_story(rule, n_clusters=(3,), latent_dims=(2,))
    mixture = GaussianMixture(3, 2, covariance="full").double()
    mixture.load_state_dict(faceted.prior.mixtures[0].state_dict())
    plain = MixtureVAE(mixture, faceted.likelihood)
    inner: Any = getattr(faceted_guide, "guide", faceted_guide)
    encoder = nn.Sequential(inner.encoder.backbones[0], inner.encoder.rungs[0])
    guide: Any = AmortisedGuide(encoder, z=inner.heads["z_0"])
    guide = guide if rule == "marginal" else OptimalAssignment(guide, mixture)
    answers = []
    for model, its_guide in ((faceted, faceted_guide), (plain, guide)):
        torch.manual_seed(3)
        evaluation = BOUNDS[bound]().evaluate(model, its_guide, binary())
        parameters = [*model.prior.parameters(), *trainable(inner, faceted.likelihood)]
        answers.append((evaluation, gradients(evaluation.loss, parameters)))
    (one, slopes), (other, its_slopes) = answers
    assert torch.equal(one.loss, other.loss)
    names = [name.removesuffix("_0") for name in one.parts]
    assert names == list(other.parts)
    assert all(torch.equal(a, b) for a, b in zip(slopes, its_slopes, strict=True))


class Count(TorchDispatchMode):
    """Counts the numbers that all operations put out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.total += out.numel()
        return out


def cost(rule: str, bound: str, n_clusters: tuple[int, int], weights: Any) -> int:
    """The numbers computed in one step; the decoder must run once."""
    model, guide = facets_story(rule, n_clusters)
    seen: list[tuple[int, ...]] = []
    model.likelihood.decoder.register_forward_hook(
        lambda module, args, out: seen.append(tuple(args[0].shape))
    )
    elbo = BOUNDS[bound](kl_weight=weights)
    x = binary(5)
    count = Count()
    with pyro.validation_enabled(False), count:
        elbo.differentiable_loss(model, guide, x).backward()
    assert seen == [(5, 3)]
    return count.total


@pytest.mark.parametrize("weights", [1.0, UNEVEN])
def test_cost_grows_as_the_sum_of_the_clusters(rule: str, bound: str, weights: Any) -> None:
    """The decoder sees a datum once, and the work is a function of K_0 plus one of K_1."""
    counts = {(a, b): cost(rule, bound, (a, b), weights) for a in (20, 60) for b in (30, 90)}
    assert counts[60, 90] - counts[20, 90] == counts[60, 30] - counts[20, 30] > 0


def test_sites_of_both_traces(rule: str) -> None:
    model, guide = facets_story(rule)
    guide_trace = poutine.trace(guide).get_trace(binary(5))
    model_trace = poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(binary(5))
    latents = {"z_0": (5, 2), "z_1": (5, 1)}
    clusters = {"c_0": (5,), "c_1": (5,)}
    assert sites(guide_trace) == latents | (clusters if rule == "optimal" else {})
    assert sites(model_trace) == latents | clusters | {"x": (5, X)}
    assert model(n=7).shape == (7, X)


def test_the_prior_alone_can_be_enumerated() -> None:
    """Without a guide the codes of the facets carry enumeration dimensions of their own."""
    model, _ = facets_story("marginal")
    enumerated = poutine.enum(model.prior, first_available_dim=-2)
    with pyro.plate("data", 5):
        assert enumerated().shape == (4, 3, 5, 3)


@pytest.mark.parametrize("weights", [1.0, UNEVEN])
def test_plain_svi_trains_every_parameter(rule: str, bound: str, weights: Any) -> None:
    stories = [facets_story(rule), facets_story(rule)]
    model, guide = stories[0]
    resting = [p.detach().clone() for p in trainable(*stories[1])]
    before = [p.detach().clone() for p in trainable(model, guide)]
    svi = SVI(model, guide, Adam({"lr": 1e-2}), BOUNDS[bound](kl_weight=weights))
    losses = []
    for _ in range(5):
        torch.manual_seed(0)  # the same noise each time, so that every step has to help
        losses.append(svi.step(binary(16)))
    assert losses == sorted(losses, reverse=True)
    for old, new in zip(before, trainable(model, guide), strict=True):
        assert not torch.equal(old, new)
    for old, new in zip(resting, trainable(*stories[1]), strict=True):
        assert torch.equal(old, new)


def test_order_of_one_facet_s_clusters(rule: str, bound: str) -> None:
    """A permutation in one facet permutes that facet's answer and changes nothing else."""
    order = torch.tensor([2, 0, 1])
    answers = []
    for permuted in (False, True):
        model, guide = facets_story(rule)
        if permuted:
            for parameter in model.prior.mixtures[0].parameters():
                parameter.data = parameter.data[order]
        torch.manual_seed(7)
        answers.append(BOUNDS[bound]().evaluate(model, guide, binary()))
    first, second = answers
    for name, part in first.parts.items():
        torch.testing.assert_close(part, second.parts[name], rtol=0, atol=1e-12)
    gammas = [{c: gamma for c, (gamma, _) in each.responsibilities.items()} for each in answers]
    torch.testing.assert_close(gammas[0]["c_0"][..., order], gammas[1]["c_0"], rtol=0, atol=1e-12)
    torch.testing.assert_close(gammas[0]["c_1"], gammas[1]["c_1"], rtol=0, atol=1e-12)


def test_order_of_the_facets(bound: str) -> None:
    """Facets under each other's names, with their heads and the decoder's inputs, are the same."""
    mixtures: list[Callable[[], GaussianMixture]] = [
        lambda: GaussianMixture(3, 2, covariance="full"),
        lambda: GaussianMixture(4, 1),
    ]
    heads = [GaussianHead(X, 2).double(), GaussianHead(X, 1).double()]
    parts = [mixture().double() for mixture in mixtures]
    decoder = nn.Linear(3, X).double()
    x = binary()
    losses = []
    latents = [head(x).rsample() for head in heads]
    for order in ((0, 1), (1, 0)):
        copies = [mixture().double() for mixture in mixtures]
        for ours, theirs in zip(copies, parts, strict=True):
            ours.load_state_dict(theirs.state_dict())
        columns = [[0, 1], [2]]
        turned = nn.Linear(3, X).double()
        turned.weight.data = decoder.weight.data[:, columns[order[0]] + columns[order[1]]]
        turned.bias.data = decoder.bias.data
        model = MixtureVAE(Facets(*(copies[j] for j in order)), Bernoulli(turned, (X,)))
        named = {f"z_{place}": heads[j] for place, j in enumerate(order)}
        guide = AmortisedGuide(nn.Identity(), **named)
        drawn = {f"z_{place}": latents[j] for place, j in enumerate(order)}
        with drawing(guide, drawn):
            losses.append(BOUNDS[bound]().differentiable_loss(model, guide, x))
    torch.testing.assert_close(*losses, rtol=0, atol=1e-12)


def test_amortised_assignment_looks_at_its_own_rung(bound: str) -> None:
    model, inner = facets_story("marginal")
    networks = {"c_0": nn.Linear(5, 3), "c_1": nn.Linear(4, 4)}
    guide = AmortisedAssignment(inner, **networks).double()
    evaluation = BOUNDS[bound](kl_weight=UNEVEN).evaluate(model, guide, binary())
    features = inner.features(binary())
    for j in (0, 1):
        gamma = networks[f"c_{j}"](features[j]).softmax(-1)
        torch.testing.assert_close(evaluation.responsibilities[f"c_{j}"][0], gamma)
    assert all(slope.abs().max() > 0 for slope in gradients(evaluation.loss, trainable(guide)))


def test_save_and_load_are_bit_exact(rule: str, tmp_path: Path) -> None:
    story, other = facets_story(rule, seed=0), facets_story(rule, seed=1)
    values = []
    for index, (ours, theirs) in enumerate(zip(story, other, strict=True)):
        save_file(ours.state_dict(), tmp_path / f"{index}.safetensors")
        theirs.load_state_dict(load_file(tmp_path / f"{index}.safetensors"))
    for each in (story, other):
        torch.manual_seed(4)
        values.append(ClosedFormELBO().differentiable_loss(*each, binary()))
    assert torch.equal(*values)
    assert {id(p) for p in story[0].parameters()}.isdisjoint(id(p) for p in story[1].parameters())


def test_training_is_reproducible(rule: str, bound: str) -> None:
    ends = []
    for disturbed in (0, 1):
        model, guide = facets_story(rule)
        torch.manual_seed(disturbed)
        history = Trainer(max_epochs=2, batch_size=8).fit(
            ObjectiveModule(BOUNDS[bound](kl_weight=UNEVEN), model, guide),
            binary(24),
            fabric=make_fabric("cpu", "64-true"),
            seed=5,
        )
        ends.append([row["loss"] for row in history])
    assert ends[0] == ends[1]


def test_predictions(rule: str) -> None:
    model, guide = facets_story(rule)
    x = binary(6)
    gammas = responsibilities(model, guide, x)
    assert {site: tuple(gamma.shape) for site, gamma in gammas.items()} == {
        "c_0": (6, 3),
        "c_1": (6, 4),
    }
    assert {site: tuple(code.shape) for site, code in encode(model, guide, x).items()} == {
        "z_0": (6, 2),
        "z_1": (6, 1),
    }
    drawn, clusters = sample(model, 50, cluster=(1, None))
    assert drawn.shape == (50, X)
    assert (clusters["c_0"] == 1).all()
    assert len(clusters["c_1"].unique()) > 1
    rough = bound(model, guide, x, num_samples=200)
    fine = importance_weighted_bound(model, guide, x, num_samples=500)
    assert (fine > rough - 1e-2).all()


def test_latents_without_reparameterisation_need_even_weights() -> None:
    """Read off the traces, the gradient would lack the score of the law they are drawn from."""

    def guide(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            for j, dim in enumerate((2, 1)):
                law = NonreparameterizedNormal(torch.zeros(dim).double(), 1.0)
                pyro.sample(f"z_{j}", law.to_event(1))

    model, _ = facets_story("marginal")
    with pytest.raises(NotImplementedError, match="same kl_weight"):
        EnumeratedELBO(kl_weight=UNEVEN).differentiable_loss(model, guide, binary())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_gives_the_same_bound(rule: str, bound: str) -> None:
    model, guide = facets_story(rule)
    latents = {site: law.rsample().detach() for site, law in guide.posterior(binary()).items()}
    values = []
    for device in ("cpu", "cuda"):
        model.to(device), guide.to(device)
        with drawing(guide, {site: value.to(device) for site, value in latents.items()}):
            elbo = BOUNDS[bound](kl_weight=UNEVEN)
            values.append(elbo.differentiable_loss(model, guide, binary().to(device)).cpu())
    torch.testing.assert_close(*values, rtol=0, atol=1e-8)
