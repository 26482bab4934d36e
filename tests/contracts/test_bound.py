"""The bound is the bound: by brute force, by Pyro's own evaluation, and by each other."""

from __future__ import annotations

import pytest
import torch
from pyro.infer import TraceEnum_ELBO
from torch import Tensor

from pyromix.inference import ClosedFormELBO, EnumeratedELBO, InformationFloor
from pyromix.inference.prediction import log_prior

from .brute_force import BruteForce, log_likelihood, log_style
from .cases import BOUNDS, CASES, Case
from .helpers import assert_equal_in_value_and_gradient, trainable
from .quadrature import drawing, expected, normal_log_density


def test_equals_brute_force(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    elbo = BOUNDS[bound]()
    ours = expected(lambda: elbo.differentiable_loss(model, guide, x), guide, x, case.order)
    by_hand = -BruteForce(model, guide.posterior(x), x).under(assignment).mean()
    assert_equal_in_value_and_gradient(ours, by_hand, trainable(model, guide), 1e-6)


def test_named_parts_equal_brute_force(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    elbo = BOUNDS[bound]()
    parts = expected(lambda: elbo.parts(model, guide, x), guide, x, case.order)
    hand = BruteForce(model, guide.posterior(x), x)
    gamma = {"marginal": hand.marginal, "optimal": hand.optimal}[assignment]()
    kl_c = hand.mean_w(hand.mean_z((gamma * (gamma.log() - hand.log_weights)).sum(-1)))
    entropy_z = -(hand.weight_z * hand.log_q).sum(0)
    wanted = {
        "reconstruction": -(hand.weight_z * hand.log_likelihood).sum(0),
        "kl_c": kl_c,
        "kl_z": -entropy_z - hand.clustering(gamma) - kl_c,
    }
    if "w" in case.heads:
        wanted["kl_w"] = hand.kl_w
    assert parts.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(parts[name], value.mean().detach(), rtol=0, atol=1e-6)


def test_one_cluster_is_a_plain_vae(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment, n_clusters=1)
    x = case.data()
    elbo = BOUNDS[bound]()

    def vae() -> Tensor:
        """-log p(x | z) + log q(z | x) - log p(z), with c nowhere."""
        laws = guide.posterior(x)
        latents = {site: law.rsample() for site, law in laws.items()}
        component = model.prior.component(w=latents.get("w"))
        loss = normal_log_density(
            latents["z"], component.mean.squeeze(-2), component.stddev.squeeze(-2)
        )
        if getattr(model.prior, "covariance", "diag") == "full":
            loss = component.log_prob(latents["z"].unsqueeze(-2)).squeeze(-1)
        loss = -loss - log_likelihood(model.likelihood, latents["z"], x)
        for site, law in laws.items():
            loss = loss + normal_log_density(latents[site], law.mean, law.stddev)
        if "w" in latents:
            loss = loss - log_style(model.prior, latents["w"])
        return loss.mean()

    ours = expected(lambda: elbo.differentiable_loss(model, guide, x), guide, x, case.order)
    plain = expected(vae, guide, x, case.order)
    assert_equal_in_value_and_gradient(ours, plain, trainable(model, guide), 1e-6)
    parts = elbo.parts(model, guide, x)
    assert parts["kl_c"] == pytest.approx(0.0, abs=1e-12)


def test_both_evaluations_agree_on_one_sample(case: Case, assignment: str) -> None:
    """They differ by terms of mean zero that are written out here, and by nothing else."""
    model, guide = case.build(assignment)
    x = case.data()
    laws = guide.posterior(x)
    torch.manual_seed(3)
    latents = {site: law.rsample() for site, law in laws.items()}
    with drawing(guide, latents):
        enumerated = EnumeratedELBO().differentiable_loss(model, guide, x)
        closed = ClosedFormELBO().differentiable_loss(model, guide, x)

    law = laws["z"]
    excess = law.log_prob(latents["z"]) + law.entropy()
    if "w" in case.heads:
        prior = model.prior.style()
        ratio = laws["w"].log_prob(latents["w"]) - prior.log_prob(latents["w"])
        excess = excess + ratio - torch.distributions.kl_divergence(laws["w"], prior)
    if assignment == "optimal":
        expected_scores = model.prior.expected_log_joint(law, latents.get("w"))
        scores = model.prior.log_joint(**model.prior.own(latents))
        gamma = expected_scores.softmax(-1)
        excess = excess + (gamma * (expected_scores - scores)).sum(-1)
    assert excess.abs().max() > 1e-2
    assert_equal_in_value_and_gradient(
        enumerated, closed + excess.mean(), trainable(model, guide), 1e-10
    )


def test_ordering_of_the_assignment_rules(case: Case, bound: str) -> None:
    x = case.data()
    model, guide = case.build("marginal")
    _, optimal = case.build("optimal")
    hand = BruteForce(model, guide.posterior(x), x)
    vade = hand.bound(hand.mean_responsibility())
    elbo = BOUNDS[bound]()

    def per_datum(which: object) -> Tensor:
        rows = [
            -expected(lambda row=row: elbo.loss(model, which, row), which, row, case.order)
            for row in x.split(1)
        ]
        return torch.tensor(rows, dtype=x.dtype)

    marginal, best = per_datum(guide), per_datum(optimal)
    assert (marginal > best + 1e-7).all()
    assert (best > vade + 1e-7).all()


def test_vade_s_rule_loses_what_the_theorem_says(case: Case) -> None:
    """L_optimal - L(γ) = E_w KL(γ ‖ γ*) for every γ that does not look at z."""
    model, guide = case.build()
    x = case.data()
    hand = BruteForce(model, guide.posterior(x), x)
    best, gamma = hand.optimal(), hand.mean_responsibility()
    lost = hand.mean_w((gamma * (gamma / best).log()).sum(-1)[0])
    torch.testing.assert_close(
        hand.under("optimal") - hand.bound(gamma), lost, rtol=0, atol=1e-10
    )


def test_the_bound_bounds_the_evidence(assignment: str, bound: str) -> None:
    """L ≤ log p(x), and the gap is KL(q(z, w | x) ‖ p(z, w | x)), integrated by hand."""
    from .brute_force import log_evidence

    case = CASES[-1]
    model, guide = case.build(assignment)
    x = case.data()
    elbo = BOUNDS[bound]()
    loss = expected(lambda: elbo.loss(model, guide, x), guide, x, case.order)
    evidence = log_evidence(model, x).mean()
    assert -loss < evidence - 1e-3
    if assignment == "marginal":

        def log_ratio() -> Tensor:
            laws = guide.posterior(x)
            latents = {site: law.rsample() for site, law in laws.items()}
            log_q = sum(law.log_prob(latents[site]) for site, law in laws.items())
            log_p = log_likelihood(model.likelihood, latents["z"], x)
            return (log_q - log_p - log_prior(model.prior, latents)).mean()

        gap = expected(log_ratio, guide, x, case.order) + evidence
        torch.testing.assert_close(evidence + loss, gap, rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_particles", [1, 3])
def test_enumerated_equals_pyro_s_own(
    case: Case, assignment: str, num_particles: int
) -> None:
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
    assert ours.loss(model, guide, x) == pytest.approx(float(theirs), abs=1e-12)


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("kl_weight", [1.0, 0.4])
def test_parts_sum_to_the_loss(
    case: Case, assignment: str, bound: str, num_particles: int, kl_weight: float
) -> None:
    model, guide = case.build(assignment)
    elbo = BOUNDS[bound](
        [InformationFloor(2.0, weight=0.7)], num_particles=num_particles, kl_weight=kl_weight
    )
    evaluation = elbo.evaluate(model, guide, case.data())
    names = {"reconstruction", "kl_c", "information_floor"} | {f"kl_{s}" for s in case.heads}
    assert evaluation.parts.keys() == names
    assert all(part.shape == () and not part.requires_grad for part in evaluation.parts.values())
    assert evaluation.parts["information_floor"] > 0
    total = torch.stack(list(evaluation.parts.values())).sum()
    torch.testing.assert_close(total, evaluation.loss.detach(), rtol=0, atol=1e-10)


def test_kl_weight_weighs_everything_but_the_reconstruction(
    case: Case, assignment: str, bound: str
) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    laws = guide.posterior(x)
    latents = {site: law.rsample() for site, law in laws.items()}
    with drawing(guide, latents):
        full = BOUNDS[bound]().parts(model, guide, x)
        loss = BOUNDS[bound](kl_weight=0.25).differentiable_loss(model, guide, x)
    if bound == "enumerated":
        # Scores of c are scaled after the clusters are summed out, so γ is the same.
        assert full["kl_c"] > 0
    rest = sum(value for name, value in full.items() if name != "reconstruction")
    torch.testing.assert_close(
        loss.detach(), full["reconstruction"] + 0.25 * rest, rtol=0, atol=1e-10
    )


def test_particles_are_a_mean(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    particles = 3
    drawn = {
        site: law.rsample((particles,)) for site, law in guide.posterior(x).items()
    }
    with drawing(guide, drawn):
        together = BOUNDS[bound](num_particles=particles).differentiable_loss(model, guide, x)
    alone = []
    for index in range(particles):
        with drawing(guide, {site: value[index] for site, value in drawn.items()}):
            alone.append(BOUNDS[bound]().differentiable_loss(model, guide, x))
    assert_equal_in_value_and_gradient(
        together, torch.stack(alone).mean(), trainable(model, guide), 1e-10
    )


def test_the_decoder_sees_each_sample_once(case: Case, assignment: str, bound: str) -> None:
    x = case.data(5)
    for n_clusters in (1, 3, 40):
        for particles in (1, 2):
            model, guide = case.build(assignment, n_clusters)
            seen: list[int] = []
            model.likelihood.decoder.register_forward_hook(
                lambda module, args, out, seen=seen: seen.append(args[0].shape[:-1].numel())
            )
            BOUNDS[bound](num_particles=particles).differentiable_loss(model, guide, x)
            assert seen == [particles * len(x)]
