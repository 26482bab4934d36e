"""Reading traces of stories that are not ours: masks, plates, subsamples, dependent clusters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro import poutine
from pyro.infer import TraceEnum_ELBO
from torch import Tensor

from pyromix.inference import EnumeratedELBO
from pyromix.inference.objectives.traces import ScaleLatents

X = torch.linspace(-2, 2, 6, dtype=torch.float64)
LOC = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)


def guide(x: Tensor, **kwargs: Any) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(0.5 * x, 0.5))


def cluster(name: str = "c", n_clusters: int = 3, logits: Tensor | None = None) -> Tensor:
    logits = torch.arange(n_clusters, dtype=torch.float64) if logits is None else logits
    return pyro.sample(name, dist.Categorical(logits=logits), infer={"enumerate": "parallel"})


def masked(x: Tensor) -> None:
    """Half of the data are not observed."""
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(LOC[cluster()], 1.0))
        even: Any = torch.arange(len(x)) % 2 == 0
        with poutine.mask(mask=even):
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def scaled(x: Tensor) -> None:
    """Everything counts three times."""
    with poutine.scale(scale=3.0), pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(LOC[cluster()], 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def two_observed(x: Tensor) -> None:
    """Two sites are observed, one of which looks at the cluster itself."""
    with pyro.plate("data", len(x)):
        c = cluster()
        z = pyro.sample("z", dist.Normal(LOC[c], 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)
        pyro.sample("y", dist.Normal(LOC[c], 2.0), obs=x + 1)


def nested(x: Tensor) -> None:
    """Features in a plate of their own."""
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(LOC[cluster()], 1.0))
        with pyro.plate("features", 2):
            pyro.sample("x", dist.Normal(z, 0.5), obs=torch.stack([x, -x]))


def nested_clusters(x: Tensor) -> None:
    """Features that look at the cluster itself, in a plate of their own."""
    with pyro.plate("data", len(x)):
        c = cluster()
        pyro.sample("z", dist.Normal(LOC[c], 1.0))
        with pyro.plate("features", 2):
            pyro.sample("x", dist.Normal(LOC[c], 2.0), obs=torch.stack([x, -x + 1]))


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize(
    ("model", "plates"),
    [(masked, 1), (scaled, 1), (two_observed, 1), (nested, 2), (nested_clusters, 2)],
)
def test_parts_sum_to_pyro_s_loss(
    model: Callable[..., None], plates: int, num_particles: int
) -> None:
    with torch.no_grad():
        torch.manual_seed(0)
        ours = EnumeratedELBO(num_particles=num_particles, max_plate_nesting=plates).evaluate(
            model, guide, X
        )
        torch.manual_seed(0)
        theirs = TraceEnum_ELBO(
            num_particles=num_particles, max_plate_nesting=plates, vectorize_particles=True
        ).loss(model, guide, X)
    assert theirs / ours.loss.item() == pytest.approx(len(X))
    assert sum(ours.parts.values()) == pytest.approx(ours.loss.item())


def test_responsibilities_follow_every_site_that_looks_at_the_cluster() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        gamma, weights = EnumeratedELBO().evaluate(two_observed, guide, X).responsibilities["c"]
    torch.manual_seed(0)
    z = dist.Normal(0.5 * X, torch.tensor(0.5).double()).rsample().unsqueeze(-1)
    prior = torch.arange(3).double().softmax(-1)
    likelihood = torch.exp(-0.5 * (z - LOC) ** 2 - 0.5 * ((X.unsqueeze(-1) + 1 - LOC) / 2) ** 2)
    by_hand = prior * likelihood
    torch.testing.assert_close(gamma, by_hand / by_hand.sum(-1, keepdim=True))
    torch.testing.assert_close(weights, prior)


def test_responsibilities_gather_the_features_of_an_inner_plate() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        elbo = EnumeratedELBO(max_plate_nesting=2)
        gamma, _ = elbo.evaluate(nested_clusters, guide, X).responsibilities["c"]
    torch.manual_seed(0)
    z = dist.Normal(0.5 * X, torch.tensor(0.5).double()).rsample().unsqueeze(-1)
    x = X.unsqueeze(-1)
    features = ((x - LOC) / 2) ** 2 + ((1 - x - LOC) / 2) ** 2
    by_hand = torch.arange(3).double().exp() * torch.exp(-0.5 * (z - LOC) ** 2 - 0.5 * features)
    torch.testing.assert_close(gamma.squeeze(), by_hand / by_hand.sum(-1, keepdim=True))


def test_a_cluster_of_one_is_certain() -> None:
    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(LOC[cluster(n_clusters=1)], 1.0))
            pyro.sample("x", dist.Normal(z, 0.5), obs=x)

    with torch.no_grad():
        evaluation = EnumeratedELBO().evaluate(model, guide, X)
    gamma, weights = evaluation.responsibilities["c"]
    assert gamma.flatten().tolist() == [1.0] * gamma.numel()
    assert weights.tolist() == [1.0]
    assert evaluation.parts["kl_c"] == 0
    assert sum(evaluation.parts.values()) == pytest.approx(evaluation.loss.item())


def test_scaling_latents_leaves_data_and_subsampling_alone() -> None:
    def model(x: Tensor) -> None:
        with pyro.plate("data", 20, subsample_size=len(x)):
            z = pyro.sample("z_0", dist.Normal(0.0, 1.0))
            v = pyro.sample("z_1", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z + v, 0.5), obs=x)

    scales = {
        name: site["scale"] * len(X) / 20
        for name, site in poutine.trace(ScaleLatents({"_0": 0.5, "_1": 0.25})(model))
        .get_trace(X)
        .nodes.items()
        if site["type"] == "sample" and name != "data"
    }
    assert scales == pytest.approx({"z_0": 0.5, "z_1": 0.25, "x": 1.0})
