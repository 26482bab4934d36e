"""Programs in plain Pyro that more than one file of tests looks at."""

from __future__ import annotations

from collections.abc import Callable

import pyro
import torch
from pyro import distributions as dist
from pyro.infer import TraceEnum_ELBO
from pyro.poutine.runtime import InferDict
from torch import Tensor

from pyromix.inference import EnumeratedELBO

X = torch.linspace(-2, 2, 6, dtype=torch.float64)
LOC = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
PARALLEL: InferDict = {"enumerate": "parallel"}
Program = Callable[..., None]


def guide(x: Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(0.5 * x, 0.5))


def no_guide(x: Tensor) -> None:
    """Everything is enumerated in the model."""


def uniform(n_clusters: int) -> dist.Categorical:
    return dist.Categorical(torch.ones(n_clusters, dtype=torch.float64))


def many_states(x: Tensor) -> None:
    """Three clusters that the datum ties together."""
    with pyro.plate("data", len(x)):
        clusters = [pyro.sample(name, uniform(22), infer=PARALLEL) for name in "cde"]
        pyro.sample("x", dist.Normal(sum(clusters) / 20.0, 0.5), obs=x)


def no_cluster(x: Tensor) -> None:
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros_like(x), 1.0))
        with pyro.plate("features", 2, dim=-2):
            pyro.sample("x", dist.Normal(z, 0.5), obs=torch.stack([x, -x]))


def per_datum(model: Program, own: Program, plates: int = 1, x: Tensor = X) -> tuple[float, float]:
    """The loss by ours and by Pyro's own, over the number of data."""
    with torch.no_grad():
        torch.manual_seed(0)
        ours = EnumeratedELBO(max_plate_nesting=plates).loss(model, own, x)
        torch.manual_seed(0)
        theirs = TraceEnum_ELBO(max_plate_nesting=plates).loss(model, own, x) / len(x)
    return ours, theirs
