"""Cross entropies in closed form, as a registry of pairs of laws like torch's ``register_kl``.

A KL divergence is a cross entropy less an entropy. Keeping the two apart lets one posterior be
compared with K components at the cost of one entropy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    kl_divergence,
)
from torch.distributions.utils import _sum_rightmost

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)

Rule = TypeVar("Rule", bound=Callable[..., Tensor])

_RULES: dict[tuple[type[Distribution], type[Distribution]], Callable[..., Tensor]] = {}


def register_cross_entropy(
    type_q: type[Distribution], type_p: type[Distribution]
) -> Callable[[Rule], Rule]:
    r"""Decorate the rule that gives :math:`-E_q[\log p]` for one pair of types.

    Subclasses of both types follow the rule too; of several rules that apply, the nearest in the
    two classes' orders of inheritance wins. A rule raises ``NotImplementedError`` where it does not
    close.

    Args:
        type_q: the class of q.
        type_p: the class of p.

    Example:
        >>> from torch.distributions import Exponential
        >>> @register_cross_entropy(Exponential, Exponential)
        ... def exponential_exponential(q: Exponential, p: Exponential) -> Tensor:
        ...     return p.rate / q.rate - p.rate.log()
    """

    def register(rule: Rule) -> Rule:
        _RULES[type_q, type_p] = rule
        return rule

    return register


def cross_entropy(q: Distribution, p: Distribution, *, num_samples: int | None = None) -> Tensor:
    r"""The cross entropy of two laws, in nats.

    .. math:: H(q, p) = -E_{q(z)}[\log p(z)]

    The value comes from the pair's registered rule; failing that, from
    :math:`\operatorname{KL}(q \| p) + H(q)` where torch or Pyro closes both; failing that, from the
    mean over ``num_samples`` reparameterised draws. It is differentiable in all parameters.

    Args:
        q: the law of z, batch shape ``(*Q,)``.
        p: the law scored, of the same event shape and batch shape ``(*P,)``.
        num_samples: draws from q for a pair with no closed form; None makes such a pair an error.

    Returns:
        A tensor of the batch shape to which ``(*Q,)`` and ``(*P,)`` broadcast.

    Raises:
        ValueError: the event shapes differ.
        NotImplementedError: the pair does not close and ``num_samples`` is None.

    Example:
        >>> q = Normal(torch.zeros(256, 1, 10), 1.0)  # a posterior for each of 256 rows
        >>> p = Normal(torch.zeros(5, 10), 2.0)  # five components
        >>> cross_entropy(Independent(q, 1), Independent(p, 1)).shape
        torch.Size([256, 5])
    """
    if q.event_shape != p.event_shape:
        raise ValueError(
            f"q and p must have one event shape, got {tuple(q.event_shape)} of {_name(q)} "
            f"and {tuple(p.event_shape)} of {_name(p)}"
        )
    try:
        return _closed_form(q, p)
    except NotImplementedError as error:
        if num_samples is None:
            raise NotImplementedError(
                f"no closed-form cross entropy of {_name(q)} and {_name(p)}: register one with "
                "@register_cross_entropy, or pass num_samples to estimate it by Monte Carlo"
            ) from error
    if not q.has_rsample:
        raise NotImplementedError(
            f"no closed-form cross entropy of {_name(q)} and {_name(p)}, and {_name(q)} has no "
            "rsample for Monte Carlo: register one with @register_cross_entropy"
        )
    log_prob: Tensor = p.log_prob(q.rsample(torch.Size([num_samples])))
    return -log_prob.mean(0)


def _closed_form(q: Distribution, p: Distribution) -> Tensor:
    order_q, order_p = type(q).__mro__, type(p).__mro__
    matches = [pair for pair in _RULES if pair[0] in order_q and pair[1] in order_p]
    if not matches:
        return kl_divergence(q, p) + q.entropy()
    nearest = min(matches, key=lambda pair: order_q.index(pair[0]) + order_p.index(pair[1]))
    return _RULES[nearest](q, p)


def _name(distribution: Distribution) -> str:
    name = type(distribution).__name__.lstrip("_")  # the priors' quick laws are torch's
    if isinstance(distribution, Independent):
        return f"{name}({_name(distribution.base_dist)})"
    return name


@register_cross_entropy(Independent, Independent)
def _independent_independent(q: Independent[Distribution], p: Independent[Distribution]) -> Tensor:
    if _is_diagonal_normal(q) and _is_diagonal_normal(p):
        return _diagonal_diagonal(q, p)
    shared = min(q.reinterpreted_batch_ndims, p.reinterpreted_batch_ndims)
    bases = [
        Independent(d.base_dist, d.reinterpreted_batch_ndims - shared, validate_args=False)
        if d.reinterpreted_batch_ndims > shared
        else d.base_dist
        for d in (q, p)
    ]
    return _sum_rightmost(_closed_form(*bases), shared)


def _is_diagonal_normal(d: Independent[Distribution]) -> TypeGuard[Independent[Normal]]:
    return isinstance(d.base_dist, Normal) and d.reinterpreted_batch_ndims == 1


def _diagonal_diagonal(q: Independent[Normal], p: Independent[Normal]) -> Tensor:
    tensors = [q.mean, q.variance, p.mean, p.base_dist.scale.pow(-2)]
    event_dim = -1
    if p.batch_shape[-1:] > q.event_shape:
        # Inner loops over the longer of K and D: twice as fast at (B, K, D) = (256, 100, 10).
        width = max(len(q.batch_shape), len(p.batch_shape)) + 1
        tensors = [t[(None,) * (width - t.dim())].movedim(-1, 0).contiguous() for t in tensors]
        event_dim = 0
    loc_q, variance_q, loc_p, precision_p = tensors
    quadratic = ((variance_q + (loc_q - loc_p).square()) * precision_p).sum(event_dim)
    return 0.5 * quadratic + (p.base_dist.scale.log() + _HALF_LOG_TWO_PI).sum(-1)


@register_cross_entropy(Normal, Normal)
def _normal_normal(q: Normal, p: Normal) -> Tensor:
    second_moment = q.scale.square() + (q.loc - p.loc).square()
    return 0.5 * second_moment / p.scale.square() + p.scale.log() + _HALF_LOG_TWO_PI


def _whitened(mean: Tensor, p: MultivariateNormal) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of the factor of p, the squared distance of a mean, and the log-normaliser."""
    scale_tril = p._unbroadcasted_scale_tril
    eye = torch.eye(scale_tril.shape[-1], dtype=scale_tril.dtype, device=scale_tril.device)
    whitening = torch.linalg.solve_triangular(scale_tril, eye, upper=False)
    mahalanobis = torch.einsum("...ij,...j->...i", whitening, mean - p.loc).square().sum(-1)
    log_scale = (scale_tril.diagonal(dim1=-2, dim2=-1).log() + _HALF_LOG_TWO_PI).sum(-1)
    return whitening, mahalanobis, log_scale


@register_cross_entropy(Independent, MultivariateNormal)
def _diagonal_full(q: Independent[Distribution], p: MultivariateNormal) -> Tensor:
    if not isinstance(q.base_dist, Normal):
        raise NotImplementedError
    whitening, mahalanobis, log_scale = _whitened(q.mean, p)
    trace = torch.einsum("...d,...d->...", q.variance, whitening.square().sum(-2))
    return 0.5 * (mahalanobis + trace) + log_scale


@register_cross_entropy(MultivariateNormal, Independent)
def _full_diagonal(q: MultivariateNormal, p: Independent[Distribution]) -> Tensor:
    if not _is_diagonal_normal(p):
        raise NotImplementedError
    return _diagonal_diagonal(Independent(Normal(q.mean, q.variance.sqrt()), 1), p)


@register_cross_entropy(MultivariateNormal, MultivariateNormal)
def _full_full(q: MultivariateNormal, p: MultivariateNormal) -> Tensor:
    whitening, mahalanobis, log_scale = _whitened(q.mean, p)
    trace = (whitening @ q._unbroadcasted_scale_tril).square().sum((-2, -1))
    return 0.5 * (mahalanobis + trace) + log_scale


@register_cross_entropy(Gamma, Gamma)
def _gamma_gamma(q: Gamma, p: Gamma) -> Tensor:
    mean_log = q.concentration.digamma() - q.rate.log()
    log_normaliser = p.concentration.lgamma() - p.concentration * p.rate.log()
    return log_normaliser - (p.concentration - 1) * mean_log + p.rate * q.mean
