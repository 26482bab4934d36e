"""Expectations of a program: the posteriors of its guide draw the nodes of a quadrature."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ..guides import Guide
from ..parts import without_groups
from .quadrature import base_of, nodes

Rule = Callable[[Any, Any, int], tuple[Tensor, Tensor]]


def expected(
    function: Callable[..., Any],
    guide: Guide,
    x: Tensor,
    order: int,
    rule: Rule = nodes,
    **companions: Tensor,
) -> Any:
    """E[function(x)] when the posteriors of ``guide`` draw its latents.

    Where nodes move with the posterior (Gaussians) the gradient is pathwise; where they don't,
    their weights carry it.

    Args:
        function: called with x and its companions, gives a mean over the rows of x, or a mapping of
            such by name.
        guide: whose posteriors are integrated over.
        x: data, ``(B, *event)``.
        order: nodes in each dimension.
        rule: makes them of a law.
        **companions: of the rows of x, ``(B, ...)`` each.

    Example:
        >>> import torch
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> guide = AmortisedGuide(torch.nn.Identity(), z=GaussianHead(2, 1)).double()
        >>> draw = lambda x: guide.posterior(x)["z"].rsample().mean()
        >>> x = torch.ones(3, 2).double()
        >>> bool((expected(draw, guide, x, 9) - guide.posterior(x)["z"].mean.mean()).abs() < 1e-9)
        True
    """
    laws = guide.posterior(x, **without_groups(companions))
    rules = {site: rule(base_of(law), law, order) for site, law in laws.items()}
    if any(weights.dim() > 1 for _, weights in rules.values()) and len(x) > 1:
        rows = [
            expected(
                function, guide, x[[i]], order, rule, **{k: v[[i]] for k, v in companions.items()}
            )
            for i in range(len(x))
        ]
        if isinstance(rows[0], Mapping):
            return {name: sum(row[name] for row in rows) / len(x) for name in rows[0]}
        return sum(rows) / len(x)
    total: dict[str, Any] = {}
    value: Any = None
    for index in itertools.product(*(range(len(weights)) for _, weights in rules.values())):
        weight: Any = 1.0
        for i, (_, weights) in zip(index, rules.values(), strict=True):
            weight = weight * weights[i].squeeze()
        drawn = {site: rules[site][0][i] for i, site in zip(index, rules, strict=True)}
        with drawing(guide, drawn):
            value = function(x, **companions)
        for name, part in (value if isinstance(value, Mapping) else {"": value}).items():
            total[name] = total.get(name, 0.0) + weight * part
    return total if isinstance(value, Mapping) else total[""]


@contextmanager
def drawing(guide: Guide, latents: Mapping[str, Tensor]) -> Iterator[None]:
    """A scope in which the posteriors of ``guide`` draw the given latents."""
    infer, posterior = guide.infer, guide.posterior

    def fixed(laws: Mapping[str, Any]) -> dict[str, Any]:
        return {site: _drawing(law, latents[site]) for site, law in laws.items()}

    def fixed_infer(x: Tensor, **given: Tensor) -> tuple[dict[str, Any], dict[str, Tensor]]:
        laws, logits = infer(x, **given)
        return fixed(laws), logits

    object.__setattr__(guide, "infer", fixed_infer)
    object.__setattr__(guide, "posterior", lambda x, **given: fixed(posterior(x, **given)))
    try:
        yield
    finally:
        object.__delattr__(guide, "infer")
        object.__delattr__(guide, "posterior")


def _drawing(law: Any, value: Tensor) -> Any:
    """The law, also when a plate expands it, drawing ``value``."""
    expand = law.expand
    law.rsample = lambda shape=None: value
    law.expand = lambda shape: _drawing(expand(shape), value)
    return law
