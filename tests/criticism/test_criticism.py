"""Of the guide, of collapse, of seeds and of what marks a cluster, where the truth is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import norm
from torch import nn

from pyromix.criticism import agreement, cluster_marks, collapse, examples, guide_check
from pyromix.guides import AmortisedGuide, GaussianHead
from pyromix.inference import posterior_draws, prior_predictive
from pyromix.models import GaussianMixture, MixtureVAE, Normal

from ..evaluation.reading import crowded


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), dpi=30)
    assert crowded(figure) == []


def linear(width: float) -> tuple[MixtureVAE, AmortisedGuide]:
    """z ~ N(0, 1), x = z + noise of variance 1; the posterior N(x/2, 1/2), times ``width``."""
    prior, decoder, head = GaussianMixture(1, 1), nn.Linear(1, 1), GaussianHead(1, 1)
    model = MixtureVAE(prior, Normal(decoder, (1,), scale=1.0))
    guide = AmortisedGuide(nn.Identity(), z=head)
    with torch.no_grad():
        prior.loc.zero_()
        decoder.weight.fill_(1.0)
        decoder.bias.zero_()
        precision = 1 + 1 / prior.component().variance.item()
        head.linear.weight.copy_(torch.tensor([[1 / precision], [0.0]]))
        head.linear.bias.zero_()
        wanted = precision**-0.5 * width
        for _ in range(50):  # the scale is a bounded function of the bias
            scale = guide.posterior(torch.zeros(1, 1))["z"].base_dist.scale
            head.linear.bias[1] += 0.5 * (np.log(wanted) - scale.log().item())
    return model, guide


@pytest.mark.parametrize(("width", "shape"), [(1.0, 0.0), (0.9, 0.19), (0.6, 0.64), (0.3, 0.91)])
def test_the_shape_of_a_narrow_guide_is_what_its_width_makes_it(width: float, shape: float) -> None:
    """With z ~ N(0, s²) and a posterior N(0, 1) weights have a tail of shape 1 - s²."""
    model, guide = linear(width)
    x = torch.linspace(-2, 2, 40).unsqueeze(-1)
    found = guide_check(model, guide, x, num_samples=2000)
    assert np.mean(found.pareto_k) == pytest.approx(shape, abs=0.15)
    if width == 1.0:
        assert found.unreliable == 0
        np.testing.assert_allclose(found.effective, 1, atol=1e-3)
    if width == 0.3:
        assert found.unreliable > 0.9
        drawn(found.figure())
    with pytest.raises(ValueError, match="num_samples is 10"):
        guide_check(model, guide, x, num_samples=10)


def test_what_is_said_of_collapse_is_what_was_planted() -> None:
    """Of five dimensions two know x, one a little, two nothing; of six clusters three are held."""
    rng = np.random.default_rng(0)
    spread = np.array([2.0, 1.0, 0.5, 0.0, 0.0])
    means = spread * rng.normal(size=(4000, 5))
    draws = means + rng.normal(size=(10, 4000, 5))
    clusters = rng.choice(3, 4000, p=[0.5, 0.25, 0.25])
    found = collapse(np.eye(6)[clusters], draws)
    np.testing.assert_allclose(found.activity, spread**2, atol=0.2)
    np.testing.assert_allclose(found.informed, spread**2 / (1 + spread**2), atol=0.03)
    assert found.collapsed.tolist() == [3, 4]
    assert found.active_units == 3
    assert found.occupied == 3
    assert found.entropy == pytest.approx(1.5 * np.log(2), abs=0.02)
    assert found.effective_clusters == pytest.approx(2**1.5, abs=0.06)
    assert found.table["value"].tolist()[:2] == [6, 3]
    drawn(found.figure())
    with pytest.raises(ValueError, match=r"draws must have shape \(S, 4000, D\)"):
        collapse(np.eye(6)[clusters], means)


def test_a_guide_that_ignores_x_has_collapsed() -> None:
    """Dimension 0 is told by x, dimension 1 is the prior whatever x is."""
    prior, head = GaussianMixture(2, 2), GaussianHead(2, 2)
    model = MixtureVAE(prior, Normal(nn.Linear(2, 2), (2,)))
    guide = AmortisedGuide(nn.Identity(), z=head)
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.weight[0, 0] = 2.0
        head.linear.bias.zero_()
    x = torch.randn(500, 2)
    found = collapse(np.full((500, 2), 0.5), posterior_draws(model, guide, x, 20)["z"])
    assert found.collapsed.tolist() == [1]


def test_seeds_agree_whatever_clusters_are_called() -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(5, size=2000)
    renamed, other = (first + 3) % 5, rng.integers(5, size=2000)
    half = np.where(rng.random(2000) < 0.5, first, other)
    found = agreement([first, renamed, half, other], names=["a", "b", "c", "d"])
    assert found.ari[0, 1] == 1
    assert found.ami[0, 1] == pytest.approx(1)
    assert abs(found.ari[0, 3]) < 0.01
    assert 0.1 < found.ari[0, 2] < 0.6
    assert len(found.table) == 6
    assert found.mean["ari"] == pytest.approx(found.ari[np.triu_indices(4, 1)].mean())
    drawn(found.figure())
    with pytest.raises(ValueError, match="give two or more of the same"):
        agreement([first])
    with pytest.raises(ValueError, match=r"are of \[2000, 3\] data"):
        agreement([first, [0, 1, 1]])


def marked() -> MixtureVAE:
    """Two clusters: feature 0 tells them apart by 2, feature 2 by -1, of 5 features with sd 1."""
    prior, decoder = GaussianMixture(2, 1), nn.Linear(1, 5)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[0.0], [1.0]]))
        prior.log_scale.fill_(-6.0)
        prior.logits.copy_(torch.tensor([1.0, 0.0]))
        decoder.weight.copy_(torch.tensor([[2.0], [0.0], [-1.0], [0.0], [0.0]]))
    return MixtureVAE(prior, Normal(decoder, (5,), scale=1.0))


def test_the_marks_of_a_cluster_are_those_planted() -> None:
    draws = prior_predictive(marked(), 20_000)
    names = ["two", "nothing", "minus one", "none", "nought"]
    marks = cluster_marks(draws["x"], draws["c"], names=names)
    top = marks.of(1, n=5)
    assert top["feature"].tolist()[:2] == ["two", "minus one"]
    np.testing.assert_allclose(top["effect"][:2], [2, -1], atol=0.06)
    np.testing.assert_allclose(top["auc"], norm.cdf(top["effect"] / 2**0.5), atol=0.01)
    np.testing.assert_allclose(top["effect"][2:], 0, atol=0.06)
    np.testing.assert_allclose(marks.effects[0], -marks.effects[1], atol=1e-9)
    drawn(marks.figure())
    drawn(cluster_marks(np.random.default_rng(0).random((60, 64)), np.arange(60) % 3).figure())
    with pytest.raises(ValueError, match="cluster is 7: there are"):
        marks.of(7)
    with pytest.raises(ValueError, match="of 1 cluster"):
        cluster_marks(draws["x"], np.zeros(20_000, int))


def test_features_that_never_vary_mark_nothing_or_everything() -> None:
    x = np.array([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0], [0.0, 2.0, 4.0], [0.0, 2.0, 3.5]])
    marks = cluster_marks(x, [0, 0, 1, 1])
    assert marks.effects[0, 0] == 0
    assert marks.effects[0, 1] == -np.inf
    assert marks.of(0)["feature"][0] == "feature 1"
    drawn(marks.figure())


def test_examples_are_typical_of_their_cluster_or_between_two() -> None:
    gamma = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.5, 0.1, 0.4], [0.0, 0.55, 0.45], [0, 0.2, 0.8]])
    typical = np.array([[-5.0, 0, 0], [-1.0, 0, 0], [-9, 0, 0], [0, -2, 0], [0, 0, -3]])
    found = examples(gamma, typical, n=2)
    assert {k: rows.tolist() for k, rows in found.prototypes.items()} == {0: [1, 0], 1: [3], 2: [4]}
    assert set(found.borderline.tolist()) == {2, 3}
    assert found.between.tolist()[found.borderline.tolist().index(2)] == [0, 2]
    assert found.table["row"].tolist() == found.borderline.tolist()
    x = np.random.default_rng(0).random((5, 6, 6))
    drawn(found.figure(x))
    with pytest.raises(ValueError, match="of one cluster"):
        examples([[1.0], [1.0]])
    with pytest.raises(ValueError, match=r"typicality has shape \(2, 3\): use \(5, 3\)"):
        examples(gamma, np.zeros((2, 3)))
