"""The bound is the bound: by brute force, by Pyro's own evaluation, and by each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from pyro.infer import TraceEnum_ELBO
from torch import Tensor

from pyromix.guides import Guide
from pyromix.inference import ClosedFormELBO, EnumeratedELBO, InformationFloor
from pyromix.models import MixtureVAE
from pyromix.testing.brute_force import BruteForce, decoded, log_joint, log_likelihood, log_style
from pyromix.testing.evidence import log_evidence
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import drawing, expected
from pyromix.testing.quadrature import base_of, log_density

from .cases import BOUNDS, CASES, OTHER_POSTERIORS, Case

STYLE = next(case for case in CASES if case.name == "style")


def test_equals_brute_force(case: Case, assignment: str, bound: str) -> None:
    assert_equals_brute_force(case, assignment, bound)


@pytest.mark.parametrize("other", OTHER_POSTERIORS, ids=lambda other: other.name)
@pytest.mark.parametrize("rule", ["marginal", "optimal"])
def test_equals_brute_force_under_other_posteriors(other: Case, rule: str, bound: str) -> None:
    assert_equals_brute_force(other, rule, bound)


def assert_equals_brute_force(case: Case, assignment: str, bound: str) -> None:
    """The loss in value and gradient, and every named part."""
    model, guide = case.build(assignment)
    x = case.data()
    elbo = BOUNDS[bound]()

    def evaluate(rows: Tensor) -> dict[str, Tensor]:
        evaluation = elbo.evaluate(model, guide, rows)
        return {"loss": evaluation.loss, **evaluation.parts}

    ours = expected(evaluate, guide, x, case.order)
    hand = BruteForce(model, guide, x, case.points)
    loss = -hand.under(assignment).mean()
    assert_equal_in_value_and_gradient(ours.pop("loss"), loss, trainable(model, guide), 1e-6)

    log_gamma = hand.log_gamma(assignment)
    negative_entropy = (hand.weight_z * hand.log_q).sum(0)
    parts = {
        "reconstruction": -(hand.weight_z * hand.log_likelihood).sum(0),
        "kl_c": hand.kl_c(log_gamma),
        "kl_z": negative_entropy - hand.clustering(log_gamma) - hand.kl_c(log_gamma),
    }
    if "w" in case.heads:
        parts["kl_w"] = hand.kl_w
    assert ours.keys() == parts.keys()
    for name, value in parts.items():
        torch.testing.assert_close(ours[name], value.mean(), rtol=0, atol=1e-6)


def plain_vae(case: Case, assignment: str) -> tuple[MixtureVAE, Guide, Callable[[Tensor], Tensor]]:
    """A story with one cluster, and its loss -log p(x | z) + log q(z | x) - log p(z), c nowhere."""
    model, guide = case.build(assignment, n_clusters=1)
    (prior,) = model.prior.mixtures

    def loss(rows: Tensor) -> Tensor:
        laws = guide.posterior(rows)
        latents = {site: law.rsample() for site, law in laws.items()}
        z, w = latents["z"], latents.get("w")
        value = -log_likelihood(model.likelihood, decoded(prior, z), rows)
        value = value - log_joint(prior, z, w).squeeze(-1)
        for site, law in laws.items():
            value = value + log_density(base_of(law), law, latents[site])
        return (value if w is None else value - log_style(prior, w)).mean()

    return model, guide, loss


def test_one_cluster_is_a_plain_vae_in_expectation(case: Case, assignment: str) -> None:
    model, guide, vae = plain_vae(case, assignment)
    x = case.data()
    elbo = ClosedFormELBO()
    ours = expected(lambda rows: elbo.differentiable_loss(model, guide, rows), guide, x, case.order)
    plain = expected(vae, guide, x, case.order)
    assert_equal_in_value_and_gradient(ours, plain, trainable(model, guide), 1e-6)
    assert elbo.parts(model, guide, x)["kl_c"] == pytest.approx(0.0, abs=1e-12)


def test_one_cluster_is_a_plain_vae_sample_by_sample(case: Case, assignment: str) -> None:
    model, guide, vae = plain_vae(case, assignment)
    x = case.data()
    latents = {site: law.rsample() for site, law in guide.posterior(x).items()}
    with drawing(guide, latents):
        ours, plain = EnumeratedELBO().differentiable_loss(model, guide, x), vae(x)
        assert EnumeratedELBO().parts(model, guide, x)["kl_c"] == pytest.approx(0.0, abs=1e-12)
    assert_equal_in_value_and_gradient(ours, plain, trainable(model, guide), 1e-10)


def test_both_evaluations_agree_on_one_sample(case: Case, assignment: str) -> None:
    """They differ by terms of mean zero that are written out here, and by nothing else."""
    model, guide = case.build(assignment)
    x = case.data()
    laws, logits = guide.infer(x)
    torch.manual_seed(3)
    latents = {site: law.rsample() for site, law in laws.items()}
    with drawing(guide, latents):
        enumerated = EnumeratedELBO().differentiable_loss(model, guide, x)
        closed = ClosedFormELBO().differentiable_loss(model, guide, x)

    law, w = laws["z"], latents.get("w")
    excess = law.log_prob(latents["z"]) + law.entropy()
    if w is not None:
        prior = model.prior.style()
        ratio = laws["w"].log_prob(w) - prior.log_prob(w)
        excess = excess + ratio - torch.distributions.kl_divergence(laws["w"], prior)
    if assignment != "marginal":
        scores = model.prior.log_joint(**model.prior.own(latents))
        try:
            mean_scores = model.prior.expected_log_joint(law, w)
        except NotImplementedError:
            mean_scores = scores
        gamma = logits.get("c", mean_scores).softmax(-1)
        excess = excess + (gamma * (mean_scores - scores)).sum(-1)
    assert excess.abs().max() > 1e-2
    assert_equal_in_value_and_gradient(
        enumerated, closed + excess.mean(), trainable(model, guide), 1e-10
    )


def test_ordering_of_the_assignment_rules(case: Case) -> None:
    """On the same q(z | x), for each datum: marginal ≥ optimal ≥ VaDE's mean responsibility."""
    if not {"marginal", "optimal"} <= set(case.assignments):
        pytest.skip("this story knows one assignment rule alone")
    x = case.data()
    bounds = []
    with torch.no_grad():
        for assignment in ("marginal", "optimal"):
            model, guide = case.build(assignment)
            elbo = ClosedFormELBO()
            bounds += [
                expected(partial(elbo.differentiable_loss, model, guide), guide, row, case.order)
                for row in x.split(1)
            ]
        hand = BruteForce(model, guide, x, case.points)
        vade = hand.bound(hand.mean_responsibility())
    marginal, optimal = -torch.stack(bounds).reshape(2, -1)
    assert (marginal > optimal + 1e-7).all()
    assert (optimal > vade + 1e-7).all()


def test_what_a_rule_loses_is_what_the_theorem_says(case: Case) -> None:
    """L_optimal - L(γ) = E_w KL(γ ‖ γ*) for every γ that does not look at z; VaDE's is one."""
    model, guide = case.build(case.assignments[0])
    hand = BruteForce(model, guide, case.data(), case.points)
    best, mean = hand.optimal(), hand.mean_responsibility()
    lost = hand.mean_w((mean.exp() * (mean - best)).sum(-1)[0])
    assert lost.min() > 0
    torch.testing.assert_close(hand.under("optimal") - hand.bound(mean), lost, rtol=0, atol=1e-6)


@pytest.mark.parametrize("assignment", STYLE.assignments)
def test_the_bound_stays_below_the_evidence(assignment: str, bound: str) -> None:
    model, guide = STYLE.build(assignment)
    x = STYLE.data()
    elbo = BOUNDS[bound]()
    with torch.no_grad():
        loss = expected(lambda rows: elbo.evaluate(model, guide, rows).loss, guide, x, STYLE.order)
        evidence = log_evidence(model, x).mean()
    assert -loss < evidence - 1e-3


@pytest.mark.parametrize("num_particles", [1, 3])
def test_enumerated_equals_pyro_s_own(case: Case, assignment: str, num_particles: int) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    pyro_elbo = TraceEnum_ELBO(
        num_particles=num_particles, vectorize_particles=True, max_plate_nesting=1
    )
    ours = EnumeratedELBO(num_particles=num_particles)
    torch.manual_seed(1)
    theirs = pyro_elbo.differentiable_loss(model, guide, x) / len(x)
    torch.manual_seed(1)
    assert_equal_in_value_and_gradient(
        ours.differentiable_loss(model, guide, x), theirs, trainable(model, guide), 1e-12
    )
    torch.manual_seed(1)
    assert ours.loss(model, guide, x) == pytest.approx(theirs.item(), abs=1e-12)


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("kl_weight", [1.0, 0.4])
def test_parts_sum_to_the_loss(
    case: Case, assignment: str, bound: str, num_particles: int, kl_weight: float
) -> None:
    model, guide = case.build(assignment)
    elbo = BOUNDS[bound](
        [InformationFloor(2.0, weight=0.7)], num_particles=num_particles, kl_weight=kl_weight
    )
    for scope in (torch.enable_grad(), torch.no_grad()):
        with scope:
            evaluation = elbo.evaluate(model, guide, case.data())
        names = {"reconstruction", "kl_c", "information_floor"} | {f"kl_{s}" for s in case.heads}
        assert evaluation.parts.keys() == names
        assert evaluation.parts["information_floor"] > 0
        for part in evaluation.parts.values():
            assert part.shape == ()
            assert not part.requires_grad
        total = torch.stack(list(evaluation.parts.values())).sum()
        torch.testing.assert_close(total, evaluation.loss.detach(), rtol=0, atol=1e-10)


def test_both_objectives_give_terms_the_same_law_of_c(case: Case, assignment: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    latents = {site: law.rsample() for site, law in guide.posterior(x).items()}
    floors = []
    for elbo in (ClosedFormELBO, EnumeratedELBO):
        with drawing(guide, latents):
            parts = elbo([InformationFloor(3.0)]).parts(model, guide, x)
        floors.append(parts["information_floor"])
    torch.testing.assert_close(*floors, rtol=0, atol=1e-10)


def test_kl_weight_weighs_everything_but_the_reconstruction(
    case: Case, assignment: str, bound: str
) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    latents = {site: law.rsample() for site, law in guide.posterior(x).items()}
    with drawing(guide, latents):
        full = BOUNDS[bound]().parts(model, guide, x)
        loss = BOUNDS[bound](kl_weight=0.25).differentiable_loss(model, guide, x)
    rest = sum(value for name, value in full.items() if name != "reconstruction")
    torch.testing.assert_close(
        loss.detach(), full["reconstruction"] + 0.25 * rest, rtol=0, atol=1e-10
    )


def test_particles_are_a_mean(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    particles = 3
    drawn = {site: law.rsample((particles,)) for site, law in guide.posterior(x).items()}
    with drawing(guide, drawn):
        together = BOUNDS[bound](num_particles=particles).differentiable_loss(model, guide, x)
    alone = []
    for index in range(particles):
        with drawing(guide, {site: value[index] for site, value in drawn.items()}):
            alone.append(BOUNDS[bound]().differentiable_loss(model, guide, x))
    assert_equal_in_value_and_gradient(
        together, torch.stack(alone).mean(), trainable(model, guide), 1e-10
    )
