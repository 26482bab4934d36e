"""What traces do not say is refused in a line, and the loss stands."""

from __future__ import annotations

from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro import poutine
from pyro.poutine.runtime import InferDict
from torch import Tensor

from pyromix.inference import Affiliation, EnumeratedELBO, LinearWarmup

from .programs import (
    LOC,
    PARALLEL,
    Program,
    X,
    guide,
    many_states,
    no_cluster,
    no_guide,
    per_datum,
    uniform,
)

masked: Any = poutine.mask  # whose own hints know booleans and BoolTensor, but no Tensor

# What Pyro itself warns of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:TraceEnum_ELBO found no sample sites"),
    pytest.mark.filterwarnings("ignore:Found vars in model but not guide"),
    pytest.mark.filterwarnings("ignore:Site z is multiply sampled"),
]


def across_plates(x: Tensor) -> None:
    """A cluster for each datum, and one for each of its features that looks at it."""
    with pyro.plate("data", len(x)):
        c = pyro.sample("c", uniform(3), infer=PARALLEL)
        with pyro.plate("features", 2, dim=-2):
            law = dist.Categorical(logits=torch.eye(3, dtype=x.dtype)[c])
            d = pyro.sample("d", law, infer=PARALLEL)
            pyro.sample("x", dist.Normal(LOC[d], 0.5), obs=torch.stack([x, -x]))


def backwards(x: Tensor) -> None:
    """p(c | z) in the story."""
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros_like(x), 1.0))
        pyro.sample("c", dist.Categorical(logits=z.unsqueeze(-1) * LOC), infer=PARALLEL)
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def forwards(x: Tensor, infer: InferDict = PARALLEL) -> None:
    """q(z | x, c) in the guide."""
    with pyro.plate("data", len(x)):
        law = dist.Categorical(logits=x.unsqueeze(-1) * LOC)
        c = pyro.sample("c", law, infer=infer)
        pyro.sample("z", dist.Normal(LOC[c] + 0.2 * x, 0.5))


def forwards_in_turn(x: Tensor) -> None:
    forwards(x, {"enumerate": "sequential"})


def masked_guide(x: Tensor) -> None:
    with masked(mask=torch.tensor(False)):
        guide(x)


def masked_away(x: Tensor) -> None:
    """No row counts."""
    with pyro.plate("data", len(x)), masked(mask=torch.zeros(len(x), dtype=torch.bool)):
        z = pyro.sample("z", dist.Normal(LOC[pyro.sample("c", uniform(3), infer=PARALLEL)], 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)
    pyro.sample("total", dist.Normal(X.sum(), 1.0), obs=X.mean())


def several_draws(x: Tensor) -> None:
    """z is drawn several times in the model."""
    with pyro.plate("data", len(x)):
        several: InferDict = {"enumerate": "parallel", "num_samples": 4}
        z = pyro.sample("z", dist.Normal(torch.zeros_like(x), 1.0), infer=several)
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def masked_by_another(x: Tensor) -> None:
    """Whether a row of d counts depends on c."""
    with pyro.plate("data", len(x)):
        c = pyro.sample("c", uniform(3), infer=PARALLEL)
        with masked(mask=c > 0):
            d = pyro.sample("d", uniform(3), infer=PARALLEL)
        z = pyro.sample("z", dist.Normal(LOC[c] + LOC[d], 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


@pytest.mark.parametrize(
    ("model", "own", "plates", "words"),
    [
        (across_plates, no_guide, 2, "'c' and 'd' depend on each other across plates"),
        (many_states, no_guide, 1, "'c' and 'd' and 'e' .* 10648 joint states of at most 10000"),
        (several_draws, no_guide, 1, "'z': drawn several times"),
    ],
)
def test_parts_that_have_no_name(model: Program, own: Program, plates: int, words: str) -> None:
    """The loss stands, as one part; asking for parts or terms says why there are none."""
    ours, theirs = per_datum(model, own, plates)
    assert ours == pytest.approx(theirs, abs=1e-12)
    elbo = EnumeratedELBO(max_plate_nesting=plates)
    with torch.no_grad():
        evaluation = elbo.evaluate(model, own, X)
    assert evaluation.parts.keys() == {"negative_bound"}
    assert evaluation.parts["negative_bound"] == evaluation.loss
    with pytest.raises(NotImplementedError, match=words):
        elbo.parts(model, own, X)
    with pytest.raises(NotImplementedError, match=words), torch.no_grad():
        elbo.clusterings(model, own, X)
    with pytest.raises(NotImplementedError, match=words), torch.no_grad():
        EnumeratedELBO([Affiliation()], max_plate_nesting=plates).evaluate(model, own, X)


@pytest.mark.parametrize(
    ("model", "own", "plates", "words"),
    [
        (backwards, forwards, 1, r"p\(c\) cannot be read .* for each cluster apart"),
        (backwards, forwards_in_turn, 1, r"p\(c\) cannot be read .* for each cluster apart"),
        (masked_away, masked_guide, 1, "every row of 'c' is masked"),
        (masked_by_another, guide, 1, "the mask of 'd' looks at another cluster"),
        (no_cluster, guide, 2, "the story enumerates no site"),
    ],
)
def test_terms_that_cannot_look(model: Program, own: Program, plates: int, words: str) -> None:
    """Parts have names and sum to the loss; terms are refused, also before their warm-up."""
    # As in training; with its own checks Pyro refuses q(z | x, c) with p(c | z) altogether.
    with pyro.validation_enabled(False):
        ours, theirs = per_datum(model, own, plates)
        assert ours == pytest.approx(theirs, abs=1e-12)
        torch.manual_seed(0)
        parts = EnumeratedELBO(max_plate_nesting=plates).parts(model, own, X)
        assert sum(part.item() for part in parts.values()) == pytest.approx(ours, abs=1e-12)
        for weight in (1.0, LinearWarmup(0.0, 1.0, 10)):
            elbo = EnumeratedELBO([Affiliation(weight)], max_plate_nesting=plates)
            with pytest.raises(NotImplementedError, match=words), torch.no_grad():
                elbo.evaluate(model, own, X)
