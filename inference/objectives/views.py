"""Views: random changes of a batch that a datum's cluster should survive. Gaps, NaN, move along.

The two-view information of DHVC compares a batch with such a view of itself. Every datum has draws
of its own, from torch's global generator, on the device of the batch.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ...parts import NonNegative, Part, Rate, check_fields

# Data (B, *event) to the cluster probabilities of each clustering or head, (..., B, K).
Assign = Callable[[Tensor], Sequence[Tensor]]

FLAT_IMAGES = (64, 784)  # lengths of vectors that "auto" takes for images: 8×8 and 28×28


class Views(Part, kind="views", abstract=True):
    """A random change of a batch; a subclass defines :meth:`__call__`."""

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def __call__(self, batch: Tensor) -> Tensor:
        """Data ``(B, *event)`` to as many of the same shape."""

    def of(self, batch: Tensor, assign: Assign) -> Tensor:
        """Likewise, of views that look at the clusters which are assigned; others do not."""
        return self(batch)


@dataclass(frozen=True, repr=False)
class AffineViews(Views, alias="image"):
    """Small affine maps of images, drawn uniformly, with zeros beyond the border.

    Args:
        rotation: largest angle, in degrees.
        scale: largest relative change of size, of width and height apart.
        shear: largest horizontal shift of a row one half image away, in half images.
        shift: largest shift, as a share of the image's side.
        noise: standard deviation of noise on every pixel, cut to the range of the batch.
        flip: mirror left and right with probability one half.

    Example:
        >>> AffineViews()(torch.rand(5, 1, 28, 28)).shape
        torch.Size([5, 1, 28, 28])
        >>> AffineViews()(torch.rand(5, 64)).shape
        torch.Size([5, 64])
    """

    rotation: NonNegative = 20.0
    scale: NonNegative = 0.2
    shear: NonNegative = 0.3
    shift: NonNegative = 2 / 28
    noise: NonNegative = 0.0
    flip: bool = False

    def __call__(self, batch: Tensor) -> Tensor:
        """Images ``(B, C, H, W)``, or flat square ones ``(B, X)``, to as many of the same shape.

        Raises:
            ValueError: vectors whose length is not a square.
        """
        images = batch if batch.dim() == 4 else _unflatten(batch)
        grid = affine_grid(self._maps(images), list(images.shape), align_corners=False)
        moved = _sampled(images, grid)
        if self.noise:
            noisy = moved + self.noise * torch.randn_like(moved)
            observed = _observed(images)
            moved = torch.minimum(torch.maximum(noisy, observed.min()), observed.max())
        return moved.reshape(batch.shape)

    def _maps(self, images: Tensor) -> Tensor:
        """The matrices of the maps from output to input coordinates, ``(B, 2, 3)``."""
        draws = 2 * torch.rand(6, len(images), dtype=images.dtype, device=images.device) - 1
        angle = draws[0] * math.radians(self.rotation)
        width, height = 1 + self.scale * draws[1], 1 + self.scale * draws[2]
        shear = self.shear * draws[3]
        across, down = 2 * self.shift * draws[4], 2 * self.shift * draws[5]
        if self.flip:
            width = torch.where(torch.rand_like(width) < 0.5, width, -width)
        cos, sin = angle.cos(), angle.sin()
        top = torch.stack([width * cos, shear * cos - height * sin, across], -1)
        bottom = torch.stack([width * sin, shear * sin + height * cos, down], -1)
        return torch.stack([top, bottom], -2)


@dataclass(frozen=True, repr=False)
class VectorViews(Views, alias="vector"):
    """Noise on every feature, and features put to zero.

    Args:
        noise: standard deviation, as a share of the batch's overall standard deviation.
        dropout: probability that a feature is put to zero.

    Example:
        >>> VectorViews()(torch.rand(5, 3)).shape
        torch.Size([5, 3])
    """

    noise: NonNegative = 0.2
    dropout: Rate = 0.1

    def __call__(self, batch: Tensor) -> Tensor:
        """Data ``(B, *event)`` to as many of the same shape."""
        scale = self.noise * _observed(batch).std(correction=0)
        kept = torch.rand_like(batch) >= self.dropout
        return (batch + scale * torch.randn_like(batch)) * kept


@dataclass(frozen=True, repr=False)
class AutoViews(Views, alias="auto"):
    """Affine maps for images, noise and dropout for vectors.

    Vectors of 64 or 784 features are 8×8 and 28×28 images more often than not, and taken for such.

    Example:
        >>> AutoViews()(torch.rand(5, 3)).shape
        torch.Size([5, 3])
    """

    images: Views = AffineViews()
    vectors: Views = VectorViews()

    def __call__(self, batch: Tensor) -> Tensor:
        """Data ``(B, *event)`` to as many of the same shape."""
        image = batch.dim() == 4 or batch.shape[1] in FLAT_IMAGES
        return (self.images if image else self.vectors)(batch)


def _observed(batch: Tensor) -> Tensor:
    """The values that are no gaps; the batch as it is where there are none."""
    missing = batch.isnan()
    return batch[~missing] if bool(missing.any()) else batch


def _sampled(images: Tensor, grid: Tensor) -> Tensor:
    """Images at the points of a grid, of the observed pixels near each; gaps where those are few.

    They are few where less than half of the weight of bilinear interpolation is theirs.
    """
    missing = images.isnan()
    if not bool(missing.any()):
        return grid_sample(images, grid, align_corners=False)
    moved = grid_sample(images.masked_fill(missing, 0.0), grid, align_corners=False)
    observed = 1 - grid_sample(missing.to(images), grid, align_corners=False)
    return torch.where(observed < 0.5, torch.nan, moved / observed.clamp(min=0.5))


def _unflatten(batch: Tensor) -> Tensor:
    side = _side(batch.shape[1])
    return batch.reshape(-1, 1, side, side)


def _side(length: int) -> int:
    side = math.isqrt(length)
    if side * side != length:
        raise ValueError(
            f"a datum has {length} features, which is no square image: use VectorViews(), "
            "or give images (N, C, H, W)"
        )
    return side
