"""The contract of a likelihood."""

from __future__ import annotations

from typing import Any

import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import constraints

from ..estimators.composition import decoded_shape
from ..models import GaussianMixture, Likelihood
from ..models.spaces import space
from ..parts import Unbuilt, build
from .draws import N_DRAWS, require_same_mean
from .laws import (
    clean_scope,
    gradients,
    require,
    require_equal,
    require_finite,
    require_state,
    shaken,
    trainable,
)
from .quadrature import REACH, mesh, place
from .stories import Small, narrow_gaussian, require_bound

D = 2  # of the code
COUNTS = {1: 20_000, 2: 400}  # so many outcomes of a count, by the number of features
SUSPECTS = (float("nan"), float("inf"), -1.0, -0.5, 0.5, 1.5, 1e6)


def check_likelihood(factory: Unbuilt) -> None:
    """Try every law that a likelihood obeys.

    p(x | z) sums or integrates to one over its support (where ``is_density`` is false: over that of
    its law's draws); draws follow it and lie in the support, and its mean is theirs; the program
    emits ``"x"`` and scores as the law says; :meth:`Likelihood.check` takes draws and refuses what
    is outside; log p(x | z) and its gradient are finite at extreme outputs of the decoder, and the
    gradient is that of finite differences; its weights are all that it is; and the bound of a small
    story is that by brute force.

    Args:
        factory: the likelihood's class, a ``functools.partial`` of it or a name, called with
            (decoder, event_shape) as estimators do.

    Raises:
        AssertionError: says which law is broken and by how much.
        TypeError: the factory makes no likelihood of these arguments.
        NotImplementedError: there is no sum or quadrature over its support.

    Example:
        >>> from pyromix.models import Poisson
        >>> check_likelihood(Poisson)
    """
    with clean_scope():
        for features in (1, 2):
            _density(_make(factory, (features,)))
        likelihood = _make(factory, (2,))
        for event_shape in ((2,), (1, 2, 3)):
            _shapes(_make(factory, event_shape))
        _program(likelihood)
        _refusals(likelihood)
        _extremes(likelihood)
        _slope(likelihood)
        z = torch.randn(5, D, dtype=torch.float64)
        x = likelihood.distribution(z).sample()
        require_state(
            likelihood, _make(factory, (2,)), lambda part: part.distribution(z).log_prob(x)
        )
        require_bound(likelihood, GaussianMixture, narrow_gaussian, factory, 1)


def _make(factory: Unbuilt, event_shape: tuple[int, ...]) -> Likelihood:
    decoder = Small().decoder(D, decoded_shape(factory, event_shape))
    return shaken(build("factory", factory, Likelihood, decoder, event_shape))


def _shapes(likelihood: Likelihood) -> None:
    event = likelihood.event_shape
    for batch in ((4,), (3, 4)):
        z = torch.randn(*batch, D, dtype=torch.float64)
        law = likelihood.distribution(z)
        shapes = (tuple(law.batch_shape), tuple(law.event_shape), tuple(likelihood.mean(z).shape))
        wanted = (batch, event, (*batch, *event))
        require(
            shapes == wanted,
            f"{likelihood!r} breaks a law: a code (…, D) makes a law of batch shape (…), of the "
            f"event shape of a datum, and a mean of both. It makes {shapes} where {wanted} are "
            "right",
        )


def outcomes(support: Any, draws: Tensor) -> tuple[Tensor, Tensor]:
    """All data there are, or nodes among them: ``(S, B, X)``, and their volumes ``(S, B)``.

    Args:
        support: where data lie.
        draws: some of them, ``(N, B, X)``.

    Raises:
        NotImplementedError: there is no sum or quadrature over this support.
    """
    size = draws.shape[-1]
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if support.is_discrete and support.event_dim == 0:
        low = int(getattr(support, "lower_bound", 0))
        high = getattr(support, "upper_bound", low + COUNTS[size])
        values = torch.arange(low, (1 if support is constraints.boolean else int(high)) + 1)
        every = torch.cartesian_prod(*[values.double()] * size).reshape(-1, 1, size)
    elif support.is_discrete and isinstance(support, type(constraints.one_hot)):
        every = torch.eye(size, dtype=torch.float64).unsqueeze(1)
    else:
        line = space(support) in REACH and size == 1
        return mesh(space(support), *place(draws), 4001 if line else 801)
    every = every.expand(-1, *draws.shape[1:])
    return every, torch.ones(every.shape[:-1], dtype=every.dtype)


def _density(likelihood: Likelihood) -> None:
    z = torch.randn(2, D, dtype=torch.float64)
    law = likelihood.distribution(z)
    with torch.no_grad():
        draws = law.sample((N_DRAWS,))
        x, volume = outcomes(likelihood.support if likelihood.is_density else law.support, draws)
        mass = volume * law.log_prob(x).exp()
        mean, density_mean = likelihood.mean(z), (mass.unsqueeze(-1) * x).sum(0)
    name = "p(x | z)" if likelihood.is_density else "p(x | z), over the values it draws,"
    total = mass.sum(0)
    require_equal(
        likelihood,
        f"{name} sums or integrates to one over its support",
        total,
        torch.ones(()),
        1e-3,
    )
    scale = draws.std(0).clamp(min=1e-3)
    require_equal(
        likelihood,
        "its mean, in standard deviations, is that of its density",
        mean / scale,
        density_mean / scale,
        2e-3,
    )
    where = place(draws)
    waved = (draws - where[0]).div(where[1].clamp(min=0.5)).cos()
    by_density = (mass.unsqueeze(-1) * (x - where[0]).div(where[1].clamp(min=0.5)).cos()).sum(0)
    require_same_mean(likelihood, "draws of p(x | z) follow it", waved, by_density, 2e-3)


def _program(likelihood: Likelihood) -> None:
    z = torch.randn(4, D, dtype=torch.float64)
    nodes: Any = poutine.trace(likelihood).get_trace(z).nodes
    require("x" in nodes, f"{likelihood!r} breaks a law: its program emits the site 'x'")
    x = nodes["x"]["value"]
    observed: Any = poutine.trace(likelihood).get_trace(z, x).nodes
    node = observed["x"]
    require(
        node["is_observed"] and torch.equal(node["value"], x),
        f"{likelihood!r} breaks a law: data that are given are observed as they are",
    )
    require_equal(
        likelihood,
        "its program scores data as its law says",
        node["fn"].log_prob(x),
        likelihood.distribution(z).log_prob(x),
        1e-9,
    )
    require(
        bool(likelihood.support.check(x).all()),
        f"{likelihood!r} breaks a law: draws lie in the support that is declared",
    )
    try:
        likelihood.check(x)
    except ValueError as error:
        raise AssertionError(
            f"{likelihood!r} breaks a law: check takes what it draws. It says: {error}"
        ) from error


def _refusals(likelihood: Likelihood) -> None:
    """Every suspect value that the law itself gives no density is refused."""
    x = likelihood.distribution(torch.zeros(1, D, dtype=torch.float64)).sample()
    for value in SUSPECTS:
        suspect = x.clone()
        suspect.flatten()[0] = value
        if bool(likelihood.support.check(suspect).all()):
            continue
        try:
            likelihood.check(suspect)
        except ValueError:
            continue
        raise AssertionError(
            f"{likelihood!r} breaks a law: check refuses data outside its support. It takes "
            f"{value:g}"
        )


def _extremes(likelihood: Likelihood) -> None:
    z = torch.randn(20, D, dtype=torch.float64)
    x = likelihood.distribution(z).sample()
    for size in (1e1, 1e3):
        state = {key: value.clone() for key, value in likelihood.decoder.state_dict().items()}
        with torch.no_grad():
            for parameter in likelihood.decoder.parameters():
                parameter.mul_(size)
        score = likelihood.distribution(z).log_prob(x)
        require_finite(
            likelihood,
            f"log p(x | z) and its gradient are finite at outputs of the decoder of size {size:g}",
            [score, *gradients(score.sum(), trainable(likelihood))],
        )
        likelihood.decoder.load_state_dict(state)


def _slope(likelihood: Likelihood) -> None:
    """One direction in all parameters together, by central differences."""
    z = torch.randn(4, D, dtype=torch.float64)
    x, parameters = likelihood.distribution(z).sample(), trainable(likelihood)
    for parameter in parameters:
        direction = torch.randn_like(parameter)
        slope = gradients(likelihood.distribution(z).log_prob(x).sum(), [parameter])[0]
        ends = []
        for step in (1e-5, -2e-5, 1e-5):
            with torch.no_grad():
                parameter.add_(direction, alpha=step)
                ends.append(likelihood.distribution(z).log_prob(x).sum())
        by_differences = (ends[0] - ends[1]) / 2e-5
        size = by_differences.abs().clamp(min=1.0)
        require_equal(
            likelihood,
            "the gradient of log p(x | z) is that of finite differences",
            (slope * direction).sum() / size,
            by_differences / size,
            1e-5,
        )
