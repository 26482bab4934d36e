"""The layer that brings features to mean 0 and spread 1."""

from __future__ import annotations

from torch import Tensor, nn


class Scaling(nn.Module):
    """(x - loc) / scale, fixed: what an encoder sees of data that are kept in units of their own.

    Args:
        loc: of each feature, ``(X,)``, or of each channel, ``(C, 1, 1)``.
        scale: likewise, above 0.

    Example:
        >>> import torch
        >>> Scaling(torch.tensor([1.0]), torch.tensor([2.0]))(torch.tensor([[5.0]]))
        tensor([[2.]])
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("loc", loc.clone())
        self.register_buffer("scale", scale.clone())

    def forward(self, x: Tensor) -> Tensor:
        """``(..., *event)`` to the same shape."""
        scaled: Tensor = (x - self.loc) / self.scale
        return scaled
