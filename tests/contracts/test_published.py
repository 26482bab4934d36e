r"""VaDE's and GMVAE's published estimator beside the exact one.

The paper's estimator is :math:`E_{q(z,w)} \sum_c p(c|z,w)\, KL(q(z|x) \| p(z|w,c))`: it integrates
z a second time inside a responsibility that already depends on z. In expectation it stays a lower
bound of log p(x), since for each z :math:`\sum_c \gamma_c (s_c - \log\gamma_c) \le
\operatorname{logsumexp} s`, but the loosest of all: below VaDE's mean responsibility. What it loses
against the exact bound is a sum of covariances.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from pyromix.guides import Guide
from pyromix.inference import ClosedFormELBO
from pyromix.models import MixtureVAE
from pyromix.testing.brute_force import BruteForce
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import expected

from .cases import CASES

STYLE = next(case for case in CASES if case.name == "style")


def published(hand: BruteForce) -> Tensor:
    """The published objective of each datum by hand, ``(B,)``."""
    log_component = hand.log_joint - hand.log_weights
    kl_z = hand.mean_z(hand.log_q[:, None, :, None] - log_component)  # (Sw, B, K)
    conditional_prior = hand.mean_w(hand.mean_z((hand.marginal().exp() * kl_z).sum(-1)))
    reconstruction = (hand.weight_z * hand.log_likelihood).sum(0)
    return reconstruction - conditional_prior - hand.kl_c(hand.marginal()) - hand.kl_w


def covariance(hand: BruteForce) -> Tensor:
    """E_w Σ_c Cov_q(z|x)[p(c | z, w), log p(z | c, w)], ``(B,)``."""
    gamma = hand.marginal().exp()
    joint = hand.mean_z((gamma * hand.log_joint).sum(-1))
    apart = (hand.mean_z(gamma) * hand.mean_z(hand.log_joint)).sum(-1)
    return hand.mean_w(joint - apart)


def story(spread: float) -> tuple[MixtureVAE, Guide]:
    """The registered story, its components moved apart, under a posterior of the given width."""
    model, guide = STYLE.build()
    with torch.no_grad():
        last = model.prior.network[2]
        last.bias.copy_(torch.tensor([-2.0, -0.7, 0.0, -0.7, 2.0, -0.7]))
        for head in guide.heads.values():
            head.linear.bias[1:] = spread
    return model, guide


@pytest.mark.parametrize("expected_scores", [False, True])
def test_equals_brute_force(expected_scores: bool) -> None:
    model, guide = STYLE.build()
    x = STYLE.data()
    elbo = ClosedFormELBO(expected_scores=expected_scores)
    ours = expected(lambda rows: elbo.differentiable_loss(model, guide, rows), guide, x, 10)
    hand = BruteForce(model, guide, x)
    by_hand = published(hand) if expected_scores else hand.under("marginal")
    assert_equal_in_value_and_gradient(ours, -by_hand.mean(), trainable(model, guide), 1e-6)


@pytest.mark.parametrize(("spread", "least"), [(-2.0, 0.01), (-1.0, 0.1), (0.0, 0.5)])
def test_how_far_the_published_one_is_off(
    spread: float, least: float, record_property: Callable[[str, object], None]
) -> None:
    """Off by the covariances exactly; the wider the posterior, the more."""
    model, guide = story(spread)
    with torch.no_grad():
        hand = BruteForce(model, guide, STYLE.data(), points=161)
        gap = hand.under("marginal") - published(hand)
        torch.testing.assert_close(gap, covariance(hand), rtol=0, atol=1e-8)
    record_property("nats_per_datum", gap.mean().item())
    assert gap.mean() > least


def test_the_published_one_is_the_loosest_bound() -> None:
    for spread in (-2.0, -1.0, 0.0):
        model, guide = story(spread)
        with torch.no_grad():
            hand = BruteForce(model, guide, STYLE.data(), points=161)
            bounds = torch.stack(
                [
                    published(hand),
                    hand.bound(hand.mean_responsibility()),
                    hand.under("optimal"),
                    hand.under("marginal"),
                ]
            )
        assert (bounds.diff(dim=0) > 0).all()


def test_one_cluster_has_nothing_to_lose() -> None:
    """With K = 1 the responsibility is constant and both are the same."""
    model, guide = STYLE.build(n_clusters=1)
    x = STYLE.data()
    values = []
    for expected_scores in (False, True):
        elbo = ClosedFormELBO(expected_scores=expected_scores)
        with torch.no_grad():
            loss = partial(elbo.differentiable_loss, model, guide)
            values.append(expected(loss, guide, x, 6))
    torch.testing.assert_close(*values, rtol=0, atol=1e-9)
