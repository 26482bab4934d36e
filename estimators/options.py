"""What the settings of an estimator may be by name, and errors in words for other names."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from torch import nn

from ..guides import AmortisedAssignment, AmortisedGuide, Guide, OptimalAssignment
from ..inference import ClosedFormELBO, EnumeratedELBO
from ..models import (
    Bernoulli,
    ContinuousBernoulli,
    Likelihood,
    NegativeBinomial,
    Normal,
    Poisson,
    Prior,
)

Value = TypeVar("Value")

LIKELIHOODS: dict[str, Callable[[nn.Module, tuple[int, ...]], Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "poisson": Poisson,
    "negative-binomial": NegativeBinomial,
}

BOUNDS: dict[str, type[ClosedFormELBO] | type[EnumeratedELBO]] = {
    "closed-form": ClosedFormELBO,
    "enumerated": EnumeratedELBO,
}


def amortised(guide: AmortisedGuide, prior: Prior) -> Guide:
    """A linear layer from the guide's features to q(c | x), for each clustering."""
    sites = {"c" + each.facet: each.n_clusters for each in prior.mixtures}
    layers = {site: nn.Linear(guide.width(site), n) for site, n in sites.items()}
    return AmortisedAssignment(guide, **layers)


ASSIGNMENTS: dict[str, Callable[[AmortisedGuide, Prior], Guide]] = {
    "marginal": lambda guide, prior: guide,
    "optimal": OptimalAssignment,
    "amortised": amortised,
}


def choose(argument: str, name: str, options: dict[str, Value]) -> Value:
    """The option of that name.

    Raises:
        ValueError: names the argument, what came, the nearest known name and all others.
    """
    if name in options:
        return options[name]
    nearest = get_close_matches(str(name), options, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"{argument} is {name!r}: {hint}use one of {', '.join(options)}")


def likelihood_of(
    name: str, decoder: nn.Module, event_shape: tuple[int, ...], scale: float | None = None
) -> Likelihood:
    """The likelihood of that name around a decoder.

    Args:
        name: a key of :data:`LIKELIHOODS`.
        decoder: a network from the code to the likelihood's parameters.
        event_shape: shape of one datum.
        scale: standard deviation of the normal likelihood; ``None`` learns it.

    Raises:
        ValueError: an unknown name, or a scale for another likelihood than the normal.
    """
    family = choose("likelihood", name, LIKELIHOODS)
    if scale is None:
        return family(decoder, event_shape)
    if family is not Normal:
        raise ValueError(f"scale is {scale}, which only the normal likelihood has, not {name!r}")
    return Normal(decoder, event_shape, scale=scale)


def assigned(name: str, guide: AmortisedGuide, prior: Prior) -> Guide:
    """The guide with the assignment rule of that name around it.

    Raises:
        ValueError: an unknown rule, or one that the prior's clusters cannot have.
    """
    rule = choose("assignment", name, ASSIGNMENTS)
    prior.accept(guide.posterior_like(), name)
    return rule(guide, prior)
