"""Clusters: Bayes' rule at every scale, and no meaning in their order."""

from __future__ import annotations

import mpmath
import pytest
import torch
from torch import Tensor

from pyromix.inference import responsibilities
from pyromix.testing.brute_force import BruteForce, log_joint
from pyromix.testing.laws import gradients, trainable
from pyromix.testing.nodes import drawing

from .cases import BOUNDS, Case

ORDER = torch.tensor([2, 0, 1])


def bayes(log_joint: Tensor) -> Tensor:
    """p(c | z) from log p(c, z) in 60 digits, by Bayes' rule as it is taught: ``(..., K)``."""
    with mpmath.workdps(60):
        rows = []
        for row in log_joint.detach().reshape(-1, log_joint.shape[-1]).tolist():
            joint = [mpmath.exp(mpmath.mpf(value)) for value in row]
            rows.append([float(value / mpmath.fsum(joint)) for value in joint])
    return torch.tensor(rows, dtype=torch.float64).reshape(log_joint.shape)


def test_responsibilities_are_bayes_rule(case: Case) -> None:
    model, guide = case.build(case.assignments[0])
    latents = {site: law.rsample() for site, law in guide.posterior(case.data(6)).items()}
    (prior,) = model.prior.mixtures
    own = prior.own(latents)
    by_hand = bayes(log_joint(prior, own["z"], own.get("w")))
    torch.testing.assert_close(model.prior.responsibilities(**own), by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
def test_responsibilities_at_extreme_logits(case: Case, scale: float) -> None:
    """With log-joints thousands of nats apart, the exponentials of all of them underflow."""
    model, guide = case.build(case.assignments[0])
    prior = model.prior
    with torch.no_grad():
        for name, parameter in prior.named_parameters():
            if "scale" not in name and "concentration" not in name and "shape" not in name:
                parameter.mul_(scale)
    latents = {site: law.rsample() for site, law in guide.posterior(case.data(6)).items()}
    own = prior.own(latents)
    gamma = prior.responsibilities(**own)
    torch.testing.assert_close(gamma.sum(-1), torch.ones(6).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(gamma, bayes(prior.log_joint(**own)), rtol=0, atol=1e-9)
    assert prior.log_prob(**own).isfinite().all()


def test_the_objective_sees_the_same_responsibilities(
    case: Case, assignment: str, bound: str
) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    laws, logits = guide.infer(x)
    latents = {site: law.rsample() for site, law in laws.items()}
    with drawing(guide, latents):
        gamma, weights = BOUNDS[bound]().evaluate(model, guide, x).responsibilities["c"]
    (prior,) = model.prior.mixtures
    own = prior.own(latents)
    if assignment == "marginal":
        wanted = bayes(log_joint(prior, own["z"], own.get("w")))
    elif assignment == "amortised":
        wanted = bayes(logits["c"])
    elif "w" not in own:
        wanted = BruteForce(model, guide, x, case.points).optimal()[0, 0].exp()
    else:
        wanted = bayes(model.prior.expected_log_joint(laws["z"], own["w"]))
    tolerance = 1e-6 if assignment == "optimal" else 1e-9  # quadrature, or none
    torch.testing.assert_close(gamma, wanted, rtol=0, atol=tolerance)
    assert gamma.requires_grad
    # The reversed story has no p(c).
    if model.prior.log_cluster_prior(model.prior.log_joint(**own)).dim() == 1:
        torch.testing.assert_close(weights, model.prior.weights, rtol=0, atol=1e-12)


def test_order_of_the_clusters_means_nothing(case: Case, assignment: str, bound: str) -> None:
    """A permutation permutes the answer and the prior's gradients, and changes nothing else."""
    x = case.data()
    answers = []
    for permuted in (False, True):
        model, guide = case.build(assignment)
        if permuted:
            case.permute(model.prior, ORDER)
            for network in getattr(guide, "networks", {}).values():
                network.weight.data = network.weight.data[ORDER]
                network.bias.data = network.bias.data[ORDER]
        torch.manual_seed(7)
        evaluation = BOUNDS[bound]().evaluate(model, guide, x)
        others = trainable(model.likelihood, getattr(guide, "guide", guide))
        prior_parameters = trainable(model.prior)
        rest = gradients(evaluation.loss, others)
        for parameter, slope in zip(
            prior_parameters, gradients(evaluation.loss, prior_parameters), strict=True
        ):
            parameter.data = slope
        if not permuted:
            case.permute(model.prior, ORDER)
        slopes = [parameter.data for parameter in prior_parameters]
        answers.append((evaluation, rest, slopes))
    (first, rest, slopes), (second, same, permuted_slopes) = answers
    torch.testing.assert_close(first.loss, second.loss, rtol=0, atol=1e-12)
    for name, part in first.parts.items():
        torch.testing.assert_close(part, second.parts[name], rtol=0, atol=1e-12)
    for one, other in zip((*rest, *slopes), (*same, *permuted_slopes), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
    for one, other in zip(*(e.responsibilities["c"] for e in (first, second)), strict=True):
        torch.testing.assert_close(one[..., ORDER], other, rtol=0, atol=1e-12)


def test_order_of_the_clusters_at_prediction(case: Case, assignment: str) -> None:
    x = case.data()
    model, guide = case.build(assignment)
    before = responsibilities(model, guide, x)["c"]
    case.permute(model.prior, ORDER)
    for network in getattr(guide, "networks", {}).values():
        network.weight.data = network.weight.data[ORDER]
        network.bias.data = network.bias.data[ORDER]
    after = responsibilities(model, guide, x)["c"]
    torch.testing.assert_close(after, before[:, ORDER], rtol=0, atol=1e-12)
    assert not torch.allclose(after, before, atol=1e-3)
