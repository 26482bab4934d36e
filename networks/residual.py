"""Residual convolutional networks (He et al. 2016) for images of any size, and their mirror."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ..parts import Count
from .convolutional import Stack
from .image_pairs import image_shape
from .pairs import Networks, widths

Size = tuple[int, int]


class ResidualBlock(nn.Module):
    r"""Two 3×3 convolutions beside a shortcut, which is the identity where nothing changes.

    .. math:: \operatorname{ReLU}\bigl(F(x) + S(x)\bigr)

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: of the first convolution; 2 halves the sides, rounded up.
        size: sides of the output, to which the nearest pixels are repeated; ``None``: no repeating.

    Example:
        >>> import torch
        >>> ResidualBlock(8, 4, size=(7, 7))(torch.zeros(2, 8, 4, 4)).shape
        torch.Size([2, 4, 7, 7])
    """

    def __init__(
        self, before: int, after: int, *, stride: int = 1, size: Size | None = None
    ) -> None:
        super().__init__()
        repeated = [] if size is None else [nn.Upsample(size)]
        self.main = nn.Sequential(
            *repeated,
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        alike = before == after and stride == 1 and size is None
        # Pixels are repeated last: a 1×1 convolution does not mix them, and has fewer to go over.
        self.shortcut = (
            nn.Identity()
            if alike
            else nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after), *repeated
            )
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C', H', W')``."""
        out: Tensor = self.activation(self.main(x) + self.shortcut(x))
        return out


@dataclass(frozen=True)
class Residual(Networks):
    """Residual convolutions with BatchNorm; every level halves the sides and doubles the channels.

    Levels follow one another until the sides are at most 7: two for 28×28, three for 32×32, four
    for 64×64. The first begins with a plain convolution of stride 2, the others with a residual
    block of stride 2. The decoder begins with a linear layer and mirrors the levels, with nearest
    pixels repeated where the encoder strides. Sides may be odd.

    Args:
        channels: of the first level.
        blocks: residual blocks in each level.

    Example:
        >>> import torch
        >>> networks = Residual(channels=8)
        >>> networks.encoder((3, 64, 64))(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1024])
        >>> networks.decoder(10, (3, 64, 64))(torch.zeros(2, 10)).shape
        torch.Size([2, 3, 64, 64])

    References:
        He et al. (2016). Deep residual learning for image recognition. arXiv 1512.03385.
    """

    channels: Count = 32
    blocks: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument in ("channels", "blocks"):
            widths(getattr(self, argument), argument)

    def levels(self, event_shape: tuple[int, ...]) -> list[tuple[int, Size]]:
        """Channels and sides after each level, the first that of the image itself."""
        channels, *sides = image_shape(self, event_shape)
        levels, after = [(channels, (sides[0], sides[1]))], self.channels
        while len(levels) == 1 or max(levels[-1][1]) > 7:
            height, width = levels[-1][1]
            levels.append((after, ((height + 1) // 2, (width + 1) // 2)))
            after *= 2
        return levels

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., C, H, W)`` to ``(..., F)``."""
        levels = self.levels(event_shape)
        modules: list[nn.Module] = [
            nn.Conv2d(event_shape[0], self.channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(self.channels),
            nn.ReLU(),
            *self._alike(self.channels, self.blocks),
        ]
        for (before, _), (after, _) in pairwise(levels[1:]):
            modules += [
                ResidualBlock(before, after, stride=2),
                *self._alike(after, self.blocks - 1),
            ]
        top = levels[-1][0] * prod(levels[-1][1])
        return Stack([*modules, nn.Flatten()], 3, (top,))

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., D)`` to ``(..., C, H, W)``."""
        levels = self.levels(event_shape)[::-1]
        top, sides = levels[0]
        modules: list[nn.Module] = [
            nn.Linear(code_dim, top * prod(sides), bias=False),
            nn.Unflatten(-1, (top, *sides)),
            nn.BatchNorm2d(top),
            nn.ReLU(),
        ]
        for (before, _), (after, size) in pairwise(levels[:-1]):
            modules += [
                *self._alike(before, self.blocks - 1),
                ResidualBlock(before, after, size=size),
            ]
        modules += [
            *self._alike(self.channels, self.blocks),
            nn.Upsample(levels[-1][1]),
            nn.Conv2d(self.channels, event_shape[0], 3, 1, 1),
        ]
        return Stack(modules, 1, event_shape)

    @staticmethod
    def _alike(channels: int, count: int) -> list[nn.Module]:
        return [ResidualBlock(channels, channels) for _ in range(count)]
