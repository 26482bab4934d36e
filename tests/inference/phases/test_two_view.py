"""Two-view information against brute force, as a term, and the choice among heads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pyro.infer import SVI
from pyro.optim import Adam
from torch import Tensor

from pyromix.estimators import dhvc_story, vade_story
from pyromix.guides import Guide
from pyromix.inference import (
    AffineViews,
    ClosedFormELBO,
    EnumeratedELBO,
    InformationPretraining,
    MixtureELBO,
    MutualInformation,
    Objective,
    VectorViews,
    responsibilities,
    seeded,
    two_view_information,
)
from pyromix.models import MixtureVAE


def still(batch: Tensor) -> Tensor:
    """The view that changes nothing."""
    return batch


def small_vade(assignment: str) -> tuple[MixtureVAE, Guide]:
    model, guide = vade_story(
        (6,), n_clusters=3, latent_dim=2, hidden_dims=(8,), assignment=assignment
    )
    return model.double(), guide.double()


def gammas(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).mul(2).softmax(-1)


def test_information_is_its_double_sum() -> None:
    first, second, balance = gammas(3, 7, 4), gammas(3, 7, 4), 0.5
    found = two_view_information(first, second, balance)
    for head in range(3):
        joint = np.zeros((4, 4))
        for one, other in zip(first[head].numpy(), second[head].numpy(), strict=True):
            joint += (np.outer(one, other) + np.outer(other, one)) / 14
        marginal = joint.sum(0)
        total = sum(
            joint[i, j] * math.log(joint[i, j] / (marginal[i] * marginal[j]) ** (1 + balance))
            for i in range(4)
            for j in range(4)
        )
        assert float(found[head]) == pytest.approx(total, abs=1e-12)


def test_information_is_largest_for_sure_and_balanced_clusters_and_zero_for_none() -> None:
    sure = torch.eye(5, dtype=torch.float64).repeat(4, 1)
    largest = float(two_view_information(sure, sure, 0.5))
    assert largest == pytest.approx(2 * math.log(5))
    assert float(two_view_information(gammas(20, 5), gammas(20, 5), 0.5)) < largest
    flat = torch.full((20, 5), 0.2, dtype=torch.float64)
    assert float(two_view_information(flat, flat, 0.0)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
def test_the_information_is_a_part_and_the_parts_sum_to_the_loss(elbo: type[MixtureELBO]) -> None:
    model, guide = dhvc_story((64,), n_clusters=3, latent_dim=4, hidden_dims=(8,))
    model, guide = model.double(), guide.double()
    batch = torch.rand(10, 64, dtype=torch.float64)
    objective = Objective(elbo([MutualInformation(2.0, views=still)]), model, guide)
    with seeded(0), torch.no_grad():
        loss, parts = objective(batch)
    assert float(torch.stack(list(parts.values())).sum()) == pytest.approx(float(loss), abs=1e-9)
    with torch.no_grad():
        gamma = guide.infer(batch)[1]["c"].softmax(-1)
    information = float(two_view_information(gamma, gamma, 0.5))
    assert float(parts["mutual_information"]) == pytest.approx(-2 * information, abs=1e-9)
    with seeded(0), torch.no_grad():
        plain, _ = Objective(elbo(), model, guide)(batch)
    assert float(loss - plain) == pytest.approx(-2 * information, abs=1e-9)


@pytest.mark.parametrize("assignment", ["optimal", "amortised"])
def test_both_bounds_find_the_same_information_of_two_views(assignment: str) -> None:
    """With a law of c that does not look at z there is nothing random but the views."""
    model, guide = small_vade(assignment)
    batch = torch.rand(30, 6, dtype=torch.float64)
    gamma = responsibilities(model, guide, batch)["c"]
    expected = -float(two_view_information(gamma, gamma, 0.2))
    for elbo in (ClosedFormELBO, EnumeratedELBO):
        term = MutualInformation(1.0, 0.2, views=still)
        found = elbo([term], num_particles=2).parts(model, guide, batch)["mutual_information"]
        assert float(found) == pytest.approx(expected, abs=1e-9)


def test_both_bounds_agree_in_expectation_on_the_marginal_rule() -> None:
    model, guide = small_vade("marginal")
    batch = torch.rand(12, 6, dtype=torch.float64)
    means, variances = [], []
    for elbo in (ClosedFormELBO, EnumeratedELBO):
        bound = elbo([MutualInformation(1.0, views=still)])
        with seeded(0):
            draws = [bound.parts(model, guide, batch)["mutual_information"] for _ in range(80)]
        means.append(torch.stack(draws).mean())
        variances.append(torch.stack(draws).var() / len(draws))
    assert float((means[0] - means[1]).abs()) < 4 * float(sum(variances)) ** 0.5


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
@pytest.mark.parametrize("assignment", ["marginal", "optimal", "amortised"])
def test_plain_svi_takes_it_and_views_may_leave_the_support(
    assignment: str, elbo: type[MixtureELBO]
) -> None:
    model, guide = small_vade(assignment)
    before = [parameter.detach().clone() for parameter in guide.parameters()]
    svi = SVI(model, guide, Adam({"lr": 1e-2}), elbo([MutualInformation(views=VectorViews())]))
    assert math.isfinite(svi.step(torch.rand(9, 6, dtype=torch.float64)))
    moved = [not torch.equal(*pair) for pair in zip(before, guide.parameters(), strict=True)]
    assert all(moved)


def test_the_closed_form_decodes_one_view_only() -> None:
    model, guide = small_vade("marginal")
    calls = []
    model.likelihood.decoder.register_forward_hook(lambda *_: calls.append(1))
    ClosedFormELBO([MutualInformation(views=still)]).parts(model, guide, torch.rand(9, 6).double())
    assert calls == [1]


def test_the_most_informative_head_becomes_the_guides_own() -> None:
    model, guide = dhvc_story((64,), n_clusters=3, latent_dim=4, hidden_dims=(3,), batch_norm=False)
    pretraining = InformationPretraining(model, guide, still, n_heads=4, overclusters=0)
    with torch.no_grad():
        guide.guide.encoder.layers[0].weight.zero_()
        guide.guide.encoder.layers[0].weight[:, :3] = torch.eye(3)
        guide.guide.encoder.layers[0].bias.zero_()
        pretraining.heads.weight.mul_(0.1)
        pretraining.heads.weight[6:9] = 20 * torch.eye(3)
    data = torch.zeros(30, 64)
    data[torch.arange(30), torch.arange(30) % 3] = 1.0
    best, found = pretraining.select(data)
    assert best == 2
    assert max(found) == found[2] == pytest.approx(2 * math.log(3), abs=1e-3)
    assert len(guide.infer(data)[1]["c"].argmax(-1).unique()) == 3
    assert torch.equal(guide.networks["c"].weight, pretraining.heads.weight[6:9])


def test_pretraining_teaches_encoder_heads_and_decoder() -> None:
    model, guide = dhvc_story((64,), n_clusters=3, latent_dim=4, hidden_dims=(8,))
    pretraining = InformationPretraining(model, guide, AffineViews(), n_heads=2, overclusters=6)
    loss, parts = pretraining(torch.rand(20, 64))
    torch.testing.assert_close(torch.stack(list(parts.values())).sum(), loss.detach())
    loss.backward()
    taught = {name for name, p in pretraining.named_parameters() if p.grad is not None}
    untaught = {name for name, _ in pretraining.named_parameters()} - taught
    assert untaught == {
        "model.prior.direction",
        "model.prior.log_concentration",
        "model.prior.logits",
        "guide.networks.c.weight",
        "guide.networks.c.bias",
    }
