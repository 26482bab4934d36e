"""Smooth bounds that keep network outputs in a range where densities stay finite."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def soft_clamp(x: Tensor, low: float, high: float) -> Tensor:
    r"""A smooth clamp: the identity well inside ``[low, high]``, never outside, never flat inside.

    .. math:: \ell + \operatorname{softplus}\bigl(h - \ell - \operatorname{softplus}(h - x)\bigr)

    Args:
        x: a tensor of any shape.
        low: the floor, kept strictly.
        high: the ceiling, exceeded by at most ``softplus(low - high)``: 3e-4 for a range of 8.

    Example:
        >>> import torch
        >>> soft_clamp(torch.tensor([-100.0, 0.0, 100.0]), -8.0, 8.0).round()
        tensor([-8.,  0.,  8.])
    """
    return low + softplus(high - low - softplus(high - x))
