"""Views: random changes of a batch that a datum's cluster should survive.

The two-view information of DHVC compares a batch with such a view of itself. Every datum has draws
of its own, from torch's global generator, on the device of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

Views = Callable[[Tensor], Tensor]

FLAT_IMAGES = (64, 784)  # lengths of vectors that "auto" takes for images: 8×8 and 28×28


@dataclass(frozen=True)
class AffineViews:
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

    rotation: float = 20.0
    scale: float = 0.2
    shear: float = 0.3
    shift: float = 2 / 28
    noise: float = 0.0
    flip: bool = False

    def __call__(self, batch: Tensor) -> Tensor:
        """Images ``(B, C, H, W)``, or flat square ones ``(B, X)``, to as many of the same shape.

        Raises:
            ValueError: vectors whose length is not a square.
        """
        images = batch if batch.dim() == 4 else _unflatten(batch)
        grid = affine_grid(self._maps(images), list(images.shape), align_corners=False)
        moved = grid_sample(images, grid, align_corners=False)
        if self.noise:
            noisy = moved + self.noise * torch.randn_like(moved)
            moved = torch.minimum(torch.maximum(noisy, images.min()), images.max())
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


@dataclass(frozen=True)
class VectorViews:
    """Noise on every feature, and features put to zero.

    Args:
        noise: standard deviation, as a share of the batch's overall standard deviation.
        dropout: probability that a feature is put to zero.

    Example:
        >>> VectorViews()(torch.rand(5, 3)).shape
        torch.Size([5, 3])
    """

    noise: float = 0.2
    dropout: float = 0.1

    def __call__(self, batch: Tensor) -> Tensor:
        """Data ``(B, *event)`` to as many of the same shape."""
        scale = self.noise * batch.std(correction=0)
        kept = torch.rand_like(batch) >= self.dropout
        return (batch + scale * torch.randn_like(batch)) * kept


VIEWS: dict[str, Views] = {
    "image": AffineViews(),
    "flip-crop": AffineViews(rotation=0.0, shear=0.0, shift=0.1, flip=True),
    "vector": VectorViews(),
}


def make_views(name: str, event_shape: tuple[int, ...]) -> Views:
    """The views of that name, for data of this shape.

    Args:
        name: ``"image"``: small affine maps; ``"flip-crop"``: mirrored and resized crops, for
            pictures whose mirror image is of the same kind; ``"vector"``: noise and dropout;
            ``"auto"``: ``"image"`` for ``(C, H, W)`` and for vectors of 64 or 784 features, which
            are 8×8 and 28×28 images more often than not, else ``"vector"``.
        event_shape: shape of one datum.

    Raises:
        ValueError: an unknown name, or views of images for vectors whose length is not a square.

    Example:
        >>> make_views("auto", (3,))
        VectorViews(noise=0.2, dropout=0.1)
    """
    if name == "auto":
        image = len(event_shape) == 3 or event_shape[0] in FLAT_IMAGES
        return VIEWS["image" if image else "vector"]
    if name not in VIEWS:
        nearest = get_close_matches(str(name), VIEWS, n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        raise ValueError(f"views is {name!r}: {hint}use one of auto, {', '.join(VIEWS)}")
    if name != "vector" and len(event_shape) == 1:
        _side(event_shape[0])
    return VIEWS[name]


def _unflatten(batch: Tensor) -> Tensor:
    side = _side(batch.shape[1])
    return batch.reshape(-1, 1, side, side)


def _side(length: int) -> int:
    side = math.isqrt(length)
    if side * side != length:
        raise ValueError(
            f"a datum has {length} features, which is no square image: use views='vector', "
            "or give images (N, C, H, W)"
        )
    return side
