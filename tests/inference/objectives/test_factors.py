"""Odd ways to enumerate: the loss is Pyro's own, parts sum to it, marginals are by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro.infer import TraceEnum_ELBO
from pyro.poutine.runtime import InferDict
from torch import Tensor

from pyromix.inference import EnumeratedELBO, InformationFloor, OnFacets

from .programs import LOC, PARALLEL, X, guide, many_states, no_cluster, no_guide, per_datum, uniform

# What Pyro itself warns of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:TraceEnum_ELBO found no sample sites"),
    pytest.mark.filterwarnings("ignore:Found vars in model but not guide"),
    pytest.mark.filterwarnings("ignore:Site z is multiply sampled"),
]


def test_facets_with_a_posterior_for_each_cluster() -> None:
    """Unequal weights, where parts are the loss: by closed form, in value and gradient."""
    slope = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    scale, noise = 0.5, 0.7

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            codes = []
            for j in range(2):
                c = pyro.sample(f"c_{j}", uniform(3), infer=PARALLEL)
                codes.append(pyro.sample(f"z_{j}", dist.Normal(LOC[c], 1.0)))
            pyro.sample("x", dist.Normal(sum(codes), noise), obs=x)

    class Mean(dist.Normal):
        def rsample(self, sample_shape: Any = ()) -> Tensor:
            return self.loc

    def own(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            for j in range(2):
                law = dist.Categorical(logits=slope * (j + 1) * x.unsqueeze(-1) * LOC)
                c = pyro.sample(f"c_{j}", law, infer=PARALLEL)
                pyro.sample(f"z_{j}", Mean(slope * LOC[c] + x, scale))

    def normal(value: Tensor, loc: Tensor, deviation: float) -> Tensor:
        log_prob: Tensor = torch.distributions.Normal(loc, deviation).log_prob(value)
        return log_prob

    x = X.reshape(-1, 1)
    z = slope * LOC + x  # (B, C), of either facet
    gammas = [torch.softmax(slope * (j + 1) * x * LOC, -1) for j in range(2)]
    wanted = torch.zeros((), dtype=torch.float64)
    for weight, gamma in zip((0.5, 0.25), gammas, strict=True):
        kl = gamma.log() + torch.log(torch.tensor(3.0)) + normal(z, z, scale) - normal(z, LOC, 1.0)
        wanted = wanted + weight * (gamma * kl).sum(-1).mean()
    for one, other in itertools.product(range(3), range(3)):
        likelihood = normal(X, z[:, one] + z[:, other], noise)
        wanted = wanted - (gammas[0][:, one] * gammas[1][:, other] * likelihood).mean()
    floor = OnFacets(InformationFloor(3.0), (1,))
    elbo = EnumeratedELBO([floor], kl_weight=(0.5, 0.25))
    wanted = wanted + floor(gammas[1], torch.full((3,), 1 / 3, dtype=torch.float64))
    ours = elbo.differentiable_loss(model, own, X)
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-7)
    slopes = [torch.autograd.grad(each, slope)[0] for each in (ours, wanted)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-7)
    with pytest.raises(NotImplementedError, match="joint states"):
        EnumeratedELBO(kl_weight=(0.5, 0.25)).differentiable_loss(many_states, no_guide, X)


def test_ruled_out_clusters_count_nothing() -> None:
    """log 0 where q is zero, in the guide, and by Bayes' rule in the model."""

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            law = dist.Categorical(logits=torch.tensor([0.0, 1.0, -torch.inf]).double())
            c = pyro.sample("c", law, infer=PARALLEL)
            z = pyro.sample("z", dist.Normal(LOC[c], 1.0))
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)

    def assigned(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            law = dist.Categorical(logits=torch.tensor([0.0, 0.5, -torch.inf]).double())
            pyro.sample("z", dist.Normal(0.5 * x, 0.5))
            pyro.sample("c", law, infer=PARALLEL)

    with pyro.validation_enabled(False):
        for own in (guide, assigned):
            torch.manual_seed(0)
            evaluation = EnumeratedELBO(max_plate_nesting=1).parts(model, own, X)
            ours, theirs = per_datum(model, own)
            assert ours == pytest.approx(theirs, abs=1e-12)
            total = sum(part.item() for part in evaluation.values())
            assert total == pytest.approx(ours, abs=1e-9)


def test_a_chain_of_states() -> None:
    """A hidden Markov model under ``pyro.markov``: marginals and parts by all paths."""
    start = torch.tensor([0.3, 0.7], dtype=torch.float64)
    move = torch.tensor([[0.9, 0.1], [0.4, 0.6]], dtype=torch.float64)
    series = torch.stack([X, -X, X + 1, 0.5 * X])

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            state: Any = None
            for t in pyro.markov(range(4)):
                law = dist.Categorical(start if state is None else move[state])
                state = pyro.sample(f"c_{t}", law, infer=PARALLEL)
                pyro.sample(f"x_{t}", dist.Normal(LOC[state], 1.0), obs=series[t])

    paths = list(itertools.product(range(2), repeat=4))
    scores = torch.stack(
        [
            start[path[0]].log()
            + sum(move[a, b].log() for a, b in itertools.pairwise(path))
            + sum(
                torch.distributions.Normal(LOC[s], 1.0).log_prob(series[t])
                for t, s in enumerate(path)
            )
            for path in paths
        ],
        -1,
    )
    posterior = scores.softmax(-1)
    with torch.no_grad():
        evaluation = EnumeratedELBO().evaluate(model, no_guide, X)
    assert evaluation.loss.item() == pytest.approx(-scores.logsumexp(-1).mean().item())
    total = sum(part.item() for part in evaluation.parts.values())
    assert total == pytest.approx(evaluation.loss.item())
    prior = start
    for t in range(4):
        gamma, weights = evaluation.responsibilities[f"c_{t}"]
        ones = torch.tensor([float(path[t]) for path in paths], dtype=torch.float64)
        torch.testing.assert_close(gamma[:, 1], (posterior * ones).sum(-1))
        torch.testing.assert_close(weights.expand(6, 2), prior.expand(6, 2))
        prior = prior @ move


def test_several_draws_in_the_guide() -> None:
    """Local parallel sampling: every draw weighs the same, and is no cluster; Pyro's in float32."""
    x32, loc = X.float(), LOC.float()

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Categorical(torch.ones(3)), infer=PARALLEL)
            z = pyro.sample("z", dist.Normal(loc[c], 1.0))
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)

    def own(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            several: InferDict = {"enumerate": "parallel", "num_samples": 5}
            pyro.sample("z", dist.Normal(0.5 * x, 0.5), infer=several)

    ours, theirs = per_datum(model, own, x=x32)
    assert ours == pytest.approx(theirs, rel=1e-6)
    torch.manual_seed(0)
    elbo = EnumeratedELBO()
    total = sum(part.item() for part in elbo.parts(model, own, x32).values())
    assert total == pytest.approx(ours, rel=1e-5)
    assert elbo.last is not None
    gamma, _ = elbo.last.responsibilities["c"]
    torch.manual_seed(0)
    z = 0.5 * x32 + 0.5 * torch.randn(5, len(X))
    by_hand = torch.distributions.Normal(loc, 1.0).log_prob(z.unsqueeze(-1)).softmax(-1).mean(0)
    torch.testing.assert_close(gamma, by_hand)
    assert elbo.last.responsibilities.keys() == {"c"}


def test_auxiliary_and_global_latents_are_parts() -> None:
    def model(x: Tensor) -> None:
        shift = pyro.sample("shift", dist.Normal(torch.zeros(()).double(), 1.0))
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", uniform(3), infer=PARALLEL)
            pyro.sample("x", dist.Normal(LOC[c] + shift, 0.5), obs=x)

    def own(x: Tensor) -> None:
        noise = pyro.sample(
            "noise", dist.Normal(torch.zeros(()).double(), 1.0), infer={"is_auxiliary": True}
        )
        pyro.sample("shift", dist.Normal(noise, 1.0))

    ours, theirs = per_datum(model, own)
    assert ours == pytest.approx(theirs, abs=1e-12)
    torch.manual_seed(0)
    parts = EnumeratedELBO().parts(model, own, X)
    assert parts.keys() == {"reconstruction", "kl_c", "kl_shift", "kl_noise"}
    assert sum(part.item() for part in parts.values()) == pytest.approx(ours)


def test_nats_per_datum_where_no_cluster_counts_them() -> None:
    """Without clusters the latents' plate counts; without latents in plates, the observations'."""
    assert per_datum(no_cluster, guide, 2)[0] == pytest.approx(per_datum(no_cluster, guide, 2)[1])

    def weather(x: Tensor) -> None:
        shift = pyro.sample("shift", uniform(3), infer=PARALLEL)
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(LOC[shift], 0.5), obs=x)

    ours, theirs = per_datum(weather, no_guide)
    assert ours == pytest.approx(theirs)
    with torch.no_grad():
        gamma, weights = EnumeratedELBO().evaluate(weather, no_guide, X).responsibilities["shift"]
    scores = torch.distributions.Normal(LOC, 0.5).log_prob(X.unsqueeze(-1)).sum(0)
    torch.testing.assert_close(gamma, scores.softmax(-1).unsqueeze(0))
    assert weights.tolist() == pytest.approx([1 / 3] * 3)

    def alone(x: Tensor) -> None:
        pyro.sample(
            "x", dist.Normal(LOC[pyro.sample("c", uniform(3), infer=PARALLEL)], 1.0), obs=x[0]
        )

    assert per_datum(alone, no_guide)[0] == pytest.approx(per_datum(alone, no_guide)[1] * len(X))


def test_what_pyro_inherits_works() -> None:
    """Marginals and joint samples of the posterior of clusters enumerated in the model."""

    def model(x: Tensor) -> dict[str, Tensor]:
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", uniform(3), infer=PARALLEL)
            d = pyro.sample("d", dist.Bernoulli(logits=LOC[c]), infer=PARALLEL)
            z = pyro.sample("z", dist.Normal(LOC[c] + d, 1.0))
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)
        return {"c": c, "d": d}

    answers = []
    for elbo in (EnumeratedELBO(), TraceEnum_ELBO(max_plate_nesting=1)):
        torch.manual_seed(0)
        marginals = elbo.compute_marginals(model, guide, X)
        torch.manual_seed(0)
        draw = elbo.sample_posterior(model, guide, X)
        answers.append((marginals["c"].probs, marginals["d"].probs, draw["c"], draw["d"]))
    for ours, theirs in zip(*answers, strict=True):
        assert torch.equal(ours, theirs)
    torch.manual_seed(0)
    with torch.no_grad():
        found = EnumeratedELBO().evaluate(model, guide, X).responsibilities
    torch.testing.assert_close(found["c"][0], answers[0][0])
    torch.testing.assert_close(found["d"][0][:, 1], answers[0][1])
