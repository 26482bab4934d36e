"""The layer that shows an encoder data with gaps: what is there, and where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Masked(nn.Module):
    r"""An encoder of data in which NaN is "not observed".

    It sees each gap filled by a given value of its feature, and beside the features as many more,
    1 where there is a gap and 0 elsewhere (Nazábal et al. 2020, HI-VAE, section 3).

    Args:
        encoder: a network from data with twice the features, ``(B, 2X)``, or twice the channels,
            ``(B, 2C, H, W)``.
        fill: what stands in for each feature, such as its mean: ``(*event)``, kept in the default
            precision until the layer is given another.
        hide: in training this share at most of the features of each datum is hidden from it
            besides, a share of its own for each, so that an encoder of whole data learns of gaps.

    Example:
        >>> layer = Masked(nn.Identity(), torch.tensor([1.0, 2.0]))
        >>> layer(torch.tensor([[torch.nan, 7.0]]))
        tensor([[1., 7., 1., 0.]])

    References:
        Nazábal, Olmos, Ghahramani & Valera (2020). Handling incomplete heterogeneous data using
        VAEs. arXiv 1807.03653.
    """

    fill: Tensor

    def __init__(self, encoder: nn.Module, fill: Tensor, hide: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("fill", fill.to(torch.get_default_dtype(), copy=True))
        self.hide = hide

    @property
    def companions(self) -> tuple[str, ...]:
        """Those of the rows that the encoder within is called with."""
        return tuple(getattr(self.encoder, "companions", ()))

    def forward(self, x: Tensor, **companions: Tensor) -> Any:
        """What the encoder gives: ``(..., *event)`` to ``(..., F)``, or such for each facet."""
        missing = x.isnan()
        if self.training and self.hide:
            ones = (1,) * self.fill.dim()
            share = torch.rand(*x.shape[: -self.fill.dim()], *ones, device=x.device)
            missing = missing | (torch.rand_like(x) < self.hide * share)
        seen = torch.where(missing, self.fill.to(x), x)
        return self.encoder(torch.cat([seen, missing.to(x)], -self.fill.dim()), **companions)


def masked(make: Callable[[tuple[int, ...]], nn.Module], fill: Tensor, hide: float = 0.0) -> Masked:
    """An encoder of data with gaps.

    Args:
        make: from the shape of what it sees to a new encoder.
        fill: what stands in for each feature, ``(*event)``.
        hide: as in :class:`Masked`.

    Example:
        >>> from pyromix.networks import Perceptron
        >>> encoder = masked(Perceptron(16).encoder, torch.zeros(1, 8, 8))
        >>> encoder(torch.full((5, 1, 8, 8), torch.nan)).shape
        torch.Size([5, 16])
    """
    return Masked(make((2 * fill.shape[0], *fill.shape[1:])), fill, hide)
