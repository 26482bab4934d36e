"""Groups given for some rows: the labelled bound, by brute force and by both evaluations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pyromix.guides import AmortisedGuide, Guide, Marginal
from pyromix.inference import Affiliation, Classification, EnumeratedELBO
from pyromix.models import MixtureVAE
from pyromix.testing.brute_force import BruteForce
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import expected

from .cases import BOUNDS, Case

GROUPS = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3], [0.0, 0.0, 0.0]], dtype=torch.float64)


def built(case: Case, assignment: str) -> tuple[MixtureVAE, Guide]:
    model, guide = case.build(assignment)
    return model, Marginal(guide, model.prior) if isinstance(guide, AmortisedGuide) else guide


def mean_under(law: Tensor, log_joint: Tensor) -> Tensor:
    """Σ_c law_c (log p(z, c) - log law_c)."""
    entropy: Tensor = -torch.special.xlogy(law, law).sum(-1)
    return (law * log_joint).sum(-1) + entropy


def by_hand(case: Case, model: MixtureVAE, guide: Guide, assignment: str) -> tuple[Tensor, Tensor]:
    """The labelled bound of every row, and its KL of c: a label, soft groups, and nothing."""
    hand = BruteForce(model, guide, case.data(), case.points)
    own = hand.log_gamma(assignment).exp()
    law = torch.where(GROUPS.sum(-1, keepdim=True) > 0, GROUPS, own)
    clustering = hand.mean_w(hand.mean_z(mean_under(law, hand.log_joint)))
    rest = (hand.weight_z * (hand.log_likelihood - hand.log_q)).sum(0) - hand.kl_w
    kl = -mean_under(law, hand.log_weights.expand(hand.log_joint.shape))
    return rest + clustering, hand.mean_w(hand.mean_z(kl))


def test_equals_brute_force(case: Case, assignment: str, bound: str) -> None:
    model, guide = built(case, assignment)
    elbo = BOUNDS[bound]()

    def evaluate(rows: Tensor, groups: Tensor) -> dict[str, Tensor]:
        evaluation = elbo.evaluate(model, guide, rows, groups=groups)
        return {"loss": evaluation.loss, **evaluation.parts}

    ours = expected(evaluate, guide, case.data(), case.order, groups=GROUPS)
    labelled, kl_c = by_hand(case, model, guide, assignment)
    parameters = trainable(model, guide)
    assert_equal_in_value_and_gradient(ours.pop("loss"), -labelled.mean(), parameters, 1e-6)
    torch.testing.assert_close(ours["kl_c"], kl_c.mean(), rtol=0, atol=1e-6)


def test_nothing_known_is_nothing_given(case: Case, assignment: str, bound: str) -> None:
    model, guide = built(case, assignment)

    def loss(rows: Tensor, **companions: Tensor) -> Tensor:
        # Under enumeration terms look at a draw of their own.
        terms = [Affiliation(), Classification(5.0)] if bound == "closed-form" else []
        torch.manual_seed(0)
        elbo = BOUNDS[bound](terms)
        return elbo.differentiable_loss(model, guide, rows, **companions)

    x = case.data()
    parameters = trainable(model, guide)
    unknown = torch.zeros_like(GROUPS)
    assert_equal_in_value_and_gradient(loss(x, groups=unknown), loss(x), parameters, 1e-9)


def test_terms_look_at_the_guide_s_own_law(case: Case, assignment: str, bound: str) -> None:
    """And the log-loss compares it with the groups that are given."""
    model, guide = built(case, assignment)
    x = case.data()
    elbo = BOUNDS[bound]([Affiliation(), Classification(2.0)])
    torch.manual_seed(0)
    parts = elbo.parts(model, guide, x, groups=GROUPS)
    torch.manual_seed(0)
    if bound == "enumerated":  # which looks at another draw of z
        EnumeratedELBO().parts(model, guide, x, groups=GROUPS)
    gamma, _ = elbo.clusterings(model, guide, x)["c"]
    entropy = -(gamma * gamma.log()).sum(-1).mean()
    log_loss = -(GROUPS * gamma.log()).sum(-1)[:2].mean()
    torch.testing.assert_close(parts["affiliation"], entropy, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(parts["classification"], 2 * log_loss, rtol=1e-6, atol=1e-9)


def test_a_guide_without_clusters_refuses_groups(case: Case) -> None:
    model, guide = replace(case).build("marginal")
    with pytest.raises(TypeError, match=r"groups are given.*Marginal\(guide, prior\)"):
        EnumeratedELBO().loss(model, guide, case.data(), groups=GROUPS)
    with pytest.raises(TypeError, match=r"no prior: Marginal\(guide, prior\)"):
        EnumeratedELBO().loss(model, Marginal(guide), case.data(), groups=GROUPS)


def test_a_companion_that_nobody_knows_is_refused(case: Case) -> None:
    model, guide = built(case, "marginal")
    with pytest.raises(TypeError, match="'labels' is no companion"):
        EnumeratedELBO().loss(model, guide, case.data(), labels=GROUPS)
