"""Swapping: a prior and a guide of the test's own, and a story that knows nothing of pyromix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from pyro.infer import SVI, TraceEnum_ELBO
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor, nn

from pyromix.guides import AmortisedGuide, GaussianHead, Guide, OptimalAssignment
from pyromix.inference import (
    ClosedFormELBO,
    EnumeratedELBO,
    InformationFloor,
    ObjectiveModule,
    Trainer,
    importance_weighted_bound,
    make_fabric,
    responsibilities,
    sample,
)
from pyromix.models import Bernoulli, GaussianMixture, MixturePrior, MixtureVAE
from pyromix.testing.laws import assert_equal_in_value_and_gradient, trainable
from pyromix.testing.nodes import drawing

from .cases import BOUNDS


class LaplaceMixture(MixturePrior):
    """A prior in ten lines: z | c is a product of Laplace laws."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters)
        self.latent_dim = latent_dim
        self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(n_clusters, latent_dim))

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else cluster
        values = dist.Laplace(self.loc[rows], self.log_scale[rows].exp())
        law: TorchDistribution = values.to_event(1)
        return law


class StudentMixture(LaplaceMixture):
    """A prior whose cross entropy with any guide has no closed form."""

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else cluster
        values = dist.StudentT(4.0, self.loc[rows], self.log_scale[rows].exp())
        law: TorchDistribution = values.to_event(1)
        return law


class LinearGuide(Guide):
    """A guide in seven lines: a linear map to the parameters of a location-scale law."""

    def __init__(self, in_features: int, latent_dim: int, law: Callable[..., Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, 2 * latent_dim)
        self.law = law

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, TorchDistribution]:
        loc, log_scale = self.linear(x).chunk(2, -1)
        return {"z": self.law(loc, log_scale.exp()).to_event(1)}


STORIES: dict[str, Callable[[], tuple[MixturePrior, Guide]]] = {
    "laplace": lambda: (LaplaceMixture(3, 2), LinearGuide(4, 2, dist.Laplace)),
    "student": lambda: (StudentMixture(3, 2), LinearGuide(4, 2, dist.Normal)),
    "own-prior": lambda: (
        LaplaceMixture(3, 2),
        AmortisedGuide(nn.Identity(), z=GaussianHead(4, 2)),
    ),
    "own-guide": lambda: (GaussianMixture(3, 2), LinearGuide(4, 2, dist.Laplace)),
}


@pytest.fixture(params=list(STORIES))
def story(request: pytest.FixtureRequest) -> tuple[MixtureVAE, Guide]:
    """A story with a part that the package doesn't know."""
    prior, guide = STORIES[request.param]()
    return MixtureVAE(prior, Bernoulli(nn.Linear(2, 4), (4,))).double(), guide.double()


@pytest.fixture
def x() -> Tensor:
    """Binary data in two groups."""
    rows = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    return rows.repeat(40, 1)


def test_our_loop_trains_it(story: tuple[MixtureVAE, Guide], x: Tensor, bound: str) -> None:
    objective = ObjectiveModule(BOUNDS[bound]([InformationFloor(0.3)]), *story)
    history = Trainer(max_epochs=15, batch_size=20, learning_rate=0.05).fit(
        objective, x, fabric=make_fabric("cpu", "64-true")
    )
    assert history[-1]["loss"] < history[0]["loss"] - 0.5
    parts = ("reconstruction", "kl_z", "kl_c", "information_floor")
    assert sum(history[-1][part] for part in parts) == pytest.approx(history[-1]["loss"])


@pytest.mark.parametrize("loss", ["pyro", *BOUNDS])
def test_plain_svi_trains_it(story: tuple[MixtureVAE, Guide], x: Tensor, loss: str) -> None:
    elbo = TraceEnum_ELBO(max_plate_nesting=1) if loss == "pyro" else BOUNDS[loss]()
    before = [parameter.detach().clone() for parameter in trainable(*story)]
    svi = SVI(*story, Adam({"lr": 0.05}), elbo)
    losses = [svi.step(x) for _ in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5])
    for old, new in zip(before, trainable(*story), strict=True):
        assert not torch.equal(old, new)


def test_both_evaluations_agree_on_it(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    model, guide = story
    law = guide.posterior(x)["z"]
    z = law.rsample()
    with drawing(guide, {"z": z}):
        enumerated = EnumeratedELBO().differentiable_loss(model, guide, x)
        closed = ClosedFormELBO().differentiable_loss(model, guide, x)
    excess = (law.log_prob(z) + law.entropy()).mean()
    assert_equal_in_value_and_gradient(enumerated, closed + excess, trainable(model, guide), 1e-10)


def test_predictions_of_it(story: tuple[MixtureVAE, Guide], x: Tensor) -> None:
    model, guide = story
    gamma = responsibilities(model, guide, x)["c"]
    torch.testing.assert_close(gamma.sum(-1), torch.ones(len(x)).double())
    drawn, clusters = sample(model, 10, cluster=1)
    assert drawn.shape == (10, 4)
    assert (clusters["c"] == 1).all()
    assert importance_weighted_bound(model, guide, x, num_samples=5).isfinite().all()


def test_the_optimal_rule_says_what_it_cannot_do(x: Tensor) -> None:
    prior, _ = STORIES["student"]()
    guide = AmortisedGuide(nn.Identity(), z=GaussianHead(4, 2))
    with pytest.raises(ValueError, match=r"closed-form.*AmortisedAssignment"):
        OptimalAssignment(guide, prior)


def test_the_optimal_rule_on_a_prior_of_the_test_s_own(x: Tensor) -> None:
    """Laplace and Laplace close through torch's KL, so the rule works with no line of ours."""
    prior, inner = STORIES["laplace"]()
    model = MixtureVAE(prior, Bernoulli(nn.Linear(2, 4), (4,))).double()
    guide = OptimalAssignment(inner, prior).double()
    law = guide.posterior(x[:1])["z"]
    z = law.sample((200_000,))
    scores = prior.log_joint(z.squeeze(1)).mean(0)
    gamma = responsibilities(model, guide, x[:1])["c"][0]
    torch.testing.assert_close(gamma, scores.softmax(-1).detach(), rtol=0, atol=1e-2)
    for bound in BOUNDS.values():
        losses = [SVI(model, guide, Adam({"lr": 0.05}), bound()).step(x) for _ in range(5)]
        assert all(torch.tensor(losses).isfinite())


def plain_model(x: Tensor, size: int | None = None) -> None:
    """A mixture of two Gaussians with a code z, in bare Pyro."""
    weights = pyro.param("weights", torch.tensor([0.3, 0.7], dtype=x.dtype))
    loc = pyro.param("loc", torch.tensor([-1.0, 1.5], dtype=x.dtype))
    with pyro.plate("data", size or len(x), subsample_size=len(x)):
        c = pyro.sample("c", dist.Categorical(weights), infer={"enumerate": "parallel"})
        z = pyro.sample("z", dist.Normal(loc[c], 1.0))
        pyro.sample("x", dist.Normal(2 * z, 0.5), obs=x)


def plain_guide(x: Tensor, size: int | None = None) -> None:
    """A linear posterior of z, in bare Pyro."""
    slope = pyro.param("slope", torch.tensor(0.4, dtype=x.dtype))
    scale = pyro.param("scale", torch.tensor(0.5, dtype=x.dtype))
    with pyro.plate("data", size or len(x), subsample_size=len(x)):
        pyro.sample("z", dist.Normal(slope * x, scale))


class TestAStoryThatKnowsNothingOfUs:
    """Functions with a plate, c and z: responsibilities and parts are read off the traces."""

    X = torch.linspace(-3, 3, 8, dtype=torch.float64)

    @pytest.mark.parametrize("size", [None, 100])
    def test_loss_and_parts(self, size: int | None) -> None:
        floor = InformationFloor(3.0)
        elbo = EnumeratedELBO([floor])
        torch.manual_seed(1)
        evaluation = elbo.evaluate(plain_model, plain_guide, self.X, size)
        torch.manual_seed(1)
        theirs = TraceEnum_ELBO(max_plate_nesting=1).loss(plain_model, plain_guide, self.X, size)
        gamma, weights = evaluation.responsibilities["c"]
        term = floor(gamma, weights)
        assert term > 0
        assert evaluation.loss.item() == pytest.approx(theirs / (size or 8) + term.item())
        assert set(evaluation.parts) == {"reconstruction", "kl_c", "kl_z", "information_floor"}
        assert sum(evaluation.parts.values()) == pytest.approx(evaluation.loss.item())

    def test_responsibilities(self) -> None:
        elbo = EnumeratedELBO()
        torch.manual_seed(1)
        gamma, weights = elbo.evaluate(plain_model, plain_guide, self.X).responsibilities["c"]
        torch.manual_seed(1)
        z = dist.Normal(0.4 * self.X, torch.tensor(0.5, dtype=torch.float64)).rsample()
        densities = [
            weight * torch.exp(-0.5 * (z - loc) ** 2) for weight, loc in ((0.3, -1.0), (0.7, 1.5))
        ]
        stacked = torch.stack(densities, -1)
        by_hand = stacked / stacked.sum(-1, keepdim=True)
        torch.testing.assert_close(gamma, by_hand, rtol=0, atol=1e-12)
        assert weights.tolist() == pytest.approx([0.3, 0.7])

    def test_terms_have_gradients(self) -> None:
        """The loss with a term is trained through it: ours minus Pyro's is the term's gradient."""
        torch.manual_seed(1)
        EnumeratedELBO([InformationFloor(3.0)]).loss_and_grads(plain_model, plain_guide, self.X)
        store = pyro.get_param_store()

        def slopes() -> dict[str, Tensor]:
            values = store._params.items()
            return {name: value.grad.clone() for name, value in values if value.grad is not None}

        with_term = slopes()
        torch.manual_seed(1)
        for value in store._params.values():
            value.grad = None
        EnumeratedELBO().loss_and_grads(plain_model, plain_guide, self.X)
        without = slopes()
        assert all(
            not torch.allclose(with_term[n], without[n]) for n in ("weights", "loc", "slope")
        )

    def test_svi_trains_it(self) -> None:
        svi = SVI(plain_model, plain_guide, Adam({"lr": 0.02}), EnumeratedELBO(num_particles=4))
        losses = [svi.step(self.X) for _ in range(60)]
        assert sum(losses[-10:]) < sum(losses[:10]) - 1.0

    def test_the_closed_form_needs_a_mixture_vae(self) -> None:
        with pytest.raises(TypeError, match=r"function.*EnumeratedELBO"):
            ClosedFormELBO().loss(plain_model, plain_guide, self.X)


def facets_model(x: Tensor) -> None:
    """Two independent mixtures whose codes add up to the datum."""
    with pyro.plate("data", len(x)):
        codes = []
        for facet, n_clusters in enumerate((2, 3)):
            law = dist.Categorical(torch.ones(n_clusters, dtype=x.dtype))
            c = pyro.sample(f"c_{facet}", law, infer={"enumerate": "parallel"})
            codes.append(pyro.sample(f"z_{facet}", dist.Normal(1.5 * c - facet, 0.7)))
        pyro.sample("x", dist.Normal(sum(codes), 0.5), obs=x)


def facets_guide(x: Tensor, assigned: bool = False) -> None:
    """A posterior for each code, and for each cluster where it is assigned here."""
    with pyro.plate("data", len(x)):
        for facet, n_clusters in enumerate((2, 3)):
            pyro.sample(f"z_{facet}", dist.Normal(0.5 * x, 0.4))
            if assigned:
                law = dist.Categorical(logits=x.unsqueeze(-1) * torch.arange(n_clusters))
                pyro.sample(f"c_{facet}", law, infer={"enumerate": "parallel"})


@pytest.mark.parametrize("num_particles", [1, 3])
def test_two_clusterings_side_by_side(num_particles: int) -> None:
    x = torch.linspace(-3, 3, 5, dtype=torch.float64)
    floor = InformationFloor(3.0)
    with torch.no_grad():
        elbo = EnumeratedELBO([floor], num_particles=num_particles)
        torch.manual_seed(1)
        evaluation = elbo.evaluate(facets_model, facets_guide, x)
        torch.manual_seed(1)
        theirs = TraceEnum_ELBO(
            max_plate_nesting=1, num_particles=num_particles, vectorize_particles=True
        ).loss(facets_model, facets_guide, x)
    pairs = evaluation.responsibilities
    left = () if num_particles == 1 else (num_particles,)
    assert {name: tuple(gamma.shape) for name, (gamma, _) in pairs.items()} == {
        "c_0": (*left, 5, 2),
        "c_1": (*left, 5, 3),
    }
    term = sum(floor(*pair).item() for pair in pairs.values())
    assert evaluation.loss.item() == pytest.approx(theirs / 5 + term)
    assert sum(evaluation.parts.values()) == pytest.approx(evaluation.loss.item())
    names = {"reconstruction", "kl_c_0", "kl_c_1", "kl_z_0", "kl_z_1", "information_floor"}
    assert evaluation.parts.keys() == names


@pytest.mark.parametrize("assigned", [True, False])
def test_facets_are_weighed_one_by_one(assigned: bool) -> None:
    x = torch.linspace(-3, 3, 5, dtype=torch.float64)
    guide = partial(facets_guide, assigned=assigned)
    with torch.no_grad():
        values = []
        for weight in (1.0, (0.25, 0.75)):
            torch.manual_seed(1)
            values.append(EnumeratedELBO(kl_weight=weight).evaluate(facets_model, guide, x))
    full, weighed = values
    for name, part in full.parts.items():
        factor = {"_0": 0.25, "_1": 0.75}.get(name[-2:], 1.0)
        assert weighed.parts[name].item() == pytest.approx(factor * part.item())
    total = sum(part.item() for part in weighed.parts.values())
    assert weighed.loss.item() == pytest.approx(total)
