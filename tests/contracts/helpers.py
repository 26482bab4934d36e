"""Gradients and tolerances that the contracts share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


def trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """All parameters that are trained."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]


def gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradient for each parameter, zero for those the loss doesn't depend on."""
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]


def assert_equal_in_value_and_gradient(
    one: Tensor, other: Tensor, parameters: Sequence[Tensor], tolerance: float
) -> None:
    """Both numbers and all their derivatives agree, and the derivatives aren't all zero."""
    torch.testing.assert_close(one, other, rtol=0, atol=tolerance)
    ours, theirs = gradients(one, parameters), gradients(other, parameters)
    assert largest(theirs) > 1e-3
    for mine, yours in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=tolerance)


def largest(tensors: Iterable[Tensor]) -> float:
    """The largest absolute entry."""
    return max(float(tensor.abs().max()) for tensor in tensors)
