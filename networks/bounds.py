"""Smooth bounds that keep network outputs in a range where densities stay finite."""

from __future__ import annotations

import math

import torch
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


def soft_clamp_exp(x: Tensor, low: float, high: float) -> Tensor:
    r"""The exponential of :func:`soft_clamp`, at the price of one sigmoid.

    .. math:: e^\ell + e^h \operatorname{sigmoid}(x - h)

    Args:
        x: a tensor of any shape.
        low: the floor of the logarithm.
        high: its ceiling.

    Example:
        >>> import torch
        >>> soft_clamp_exp(torch.tensor([-100.0, 0.0, 100.0]), -8.0, 8.0).log().round()
        tensor([-8.,  0.,  8.])
    """
    # One pass over x where a product and a sum would be two.
    return torch.add(x.new_full((), math.exp(low)), torch.sigmoid(x - high), alpha=math.exp(high))


def inverse_soft_clamp(y: Tensor, low: float, high: float) -> Tensor:
    """The x that :func:`soft_clamp` maps to y, for y between ``low`` and ``high``.

    Args:
        y: a tensor of any shape; values nearer than 1e-4 to a bound are moved there.
        low: the floor.
        high: the ceiling.

    Example:
        >>> import torch
        >>> y = soft_clamp(torch.tensor(-5.0), -6.0, 6.0)
        >>> round(float(inverse_soft_clamp(y, -6.0, 6.0)), 3)
        -5.0
    """
    inner = _inverse_softplus(y.clamp(low + 1e-4, high - 1e-4) - low)
    return high - _inverse_softplus((high - low - inner).clamp(min=1e-4))


def _inverse_softplus(y: Tensor) -> Tensor:
    return y + torch.log(-torch.expm1(-y))
