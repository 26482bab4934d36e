"""Batch shapes of distributions: one more dimension on the right, so that B laws meet K others."""

from __future__ import annotations

import inspect
from functools import singledispatch

import torch
from torch.distributions import Distribution, Independent

Shape = torch.Size | list[int] | tuple[int, ...]

_ALTERNATIVES = (
    ("logits", "probs"),
    ("scale_tril", "covariance_matrix", "precision_matrix"),
)


def unsqueeze_batch(distribution: Distribution) -> Distribution:
    """The same law with a batch dimension of size one at the right end of its batch shape.

    A posterior of batch shape (B,) becomes one of (B, 1), which broadcasts against K components of
    batch shape (K,) to (B, K). No memory is copied, and gradients flow to the same parameters.

    Args:
        distribution: any torch or Pyro law that is given by its ``arg_constraints``, or an
            ``Independent`` of such laws; batch shape ``(*B,)``.

    Returns:
        A distribution of the same class with batch shape ``(*B, 1)``.

    Raises:
        NotImplementedError: the law cannot be rebuilt from its parameters.

    Example:
        >>> from torch.distributions import Normal
        >>> unsqueeze_batch(Independent(Normal(torch.zeros(256, 10), 1.0), 1)).batch_shape
        torch.Size([256, 1])
    """
    return insert_batch_dim(distribution, 0)


@singledispatch
def insert_batch_dim(distribution: Distribution, position: int) -> Distribution:
    """The law with a new batch dimension that has ``position`` batch dimensions to its right."""
    kind = type(distribution)
    accepted = inspect.signature(kind.__init__).parameters
    constraints = distribution.arg_constraints
    names = [name for name in constraints if name in accepted]
    for alternatives in _ALTERNATIVES:
        given = [name for name in alternatives if name in names]
        held = [name for name in given if name in vars(distribution)] or given
        names = [name for name in names if name not in given or name == held[0]]
    parameters = {
        name: getattr(distribution, name).unsqueeze(-1 - position - constraints[name].event_dim)
        for name in names
    }
    try:
        inserted = kind(**parameters, validate_args=False) if names else None
    except TypeError:
        inserted = None
    if inserted is None:
        raise NotImplementedError(
            f"{kind.__name__} cannot be rebuilt from its arg_constraints {sorted(constraints)}: "
            "register a rule with insert_batch_dim.register"
        )
    inserted._validate_args = distribution._validate_args
    return inserted


@insert_batch_dim.register(Independent)
def _(distribution: Independent[Distribution], position: int) -> Distribution:
    dims = distribution.reinterpreted_batch_ndims
    base = insert_batch_dim(distribution.base_dist, position + dims)
    return type(distribution)(base, dims, validate_args=distribution._validate_args)
