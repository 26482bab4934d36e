"""Convolutions as a ladder, those of MFCVAE (Falck et al. 2021, appendix and the authors' code)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from ..parts import Count
from .convolutional import channels_last
from .image_pairs import image_shape
from .ladder import LadderDecoder, LadderEncoder, LadderNetworks
from .pairs import widths


@dataclass(frozen=True)
class ConvolutionalLadder(LadderNetworks):
    """Convolutions as a ladder: every facet halves the side and doubles the channels.

    Kernels are 4×4, ELU and BatchNorm follow every convolution but the decoder's last, and features
    are joined as channels. Sides of images are divisible by 2^J, and at least 4·2^J.

    ``ConvolutionalLadder(output_norm=True, rung_norm=True, weight_norm=True)`` with J = 2 facets on
    32×32 is the authors' for 3DShapes and SVHN, layer by layer: the second layer of a decoder's
    backbone is 3×3 with stride 1, and ELU comes before BatchNorm everywhere.

    Args:
        channels: of the first backbone.
        output_norm: ELU and BatchNorm after the decoder's last convolution too.
        rung_norm: BatchNorm of every unit of the decoder's rungs.
        weight_norm: the encoder's convolutions have a length and a direction for each channel
            (Salimans & Kingma 2016); at the start they are the same convolutions.

    Example:
        >>> networks = ConvolutionalLadder()
        >>> encoder = networks.encoder((3, 32, 32), 2)
        >>> [features.shape[-1] for features in encoder(torch.zeros(3, 3, 32, 32))]
        [3136, 1024]
        >>> networks.decoder((20, 2), (3, 32, 32))(torch.zeros(3, 22)).shape
        torch.Size([3, 3, 32, 32])

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    channels: Count = 64
    output_norm: bool = False
    rung_norm: bool = False
    weight_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        widths(self.channels, "channels")

    def _sizes(
        self, event_shape: tuple[int, ...], depth: int
    ) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """By facet: channels after the backbone, after the rung, and sides after the backbone.

        Raises:
            ValueError: no facet, or images that cannot be halved so often.
        """
        shape = image_shape(self, event_shape)
        if depth < 1 or any(side % 2**depth or side < 4 * 2**depth for side in shape[1:]):
            raise ValueError(
                f"a datum has shape {shape}: a convolutional ladder of {depth} facets takes images "
                f"(C, H, W) whose sides are divisible by {2**depth} and at least {4 * 2**depth}; "
                "use fewer facets, or perceptrons"
            )
        backbones = [self.channels << level for level in range(depth)]
        tops = [width if level == 0 else 2 * width for level, width in enumerate(backbones)]
        sides = [(shape[1] >> level, shape[2] >> level) for level in range(1, depth + 1)]
        return backbones, tops, sides

    def _convolution(self, before: int, after: int, stride: int) -> nn.Sequential:
        convolution = nn.Conv2d(before, after, 4, stride, 1)
        return _activated(weight_norm(convolution) if self.weight_norm else convolution)

    def encoder(self, event_shape: tuple[int, ...], n_facets: int) -> LadderEncoder:
        """A new network from ``(..., C, H, W)`` to ``(..., F_j)`` for each facet."""
        sizes = self._sizes(event_shape, n_facets)
        inputs = (event_shape[0], *sizes[0])
        backbones, rungs, out_features = [], [], []
        for before, width, top, side in zip(inputs, *sizes, strict=False):
            last = self._convolution(width, top, 1 if top == width else 2)
            backbones.append(self._convolution(before, width, 2))
            halving = self._convolution(width, width, 2)
            rungs.append(nn.Sequential(halving, last, nn.Flatten()))
            ends = [size // 2 - 1 if top == width else size // 4 for size in side]
            out_features.append(top * prod(ends))
        return channels_last(LadderEncoder(backbones, rungs, out_features, 3))

    def decoder(self, latent_dims: tuple[int, ...], event_shape: tuple[int, ...]) -> LadderDecoder:
        """A new network from ``(..., ΣD)`` to ``(..., C, H, W)``."""
        _, tops, sides = self._sizes(event_shape, len(latent_dims))
        rungs = [
            nn.Sequential(
                nn.Linear(dim, top * prod(side)),
                nn.ELU(),
                *([nn.BatchNorm1d(top * prod(side))] if self.rung_norm else []),
                nn.Unflatten(-1, (top, *side)),
            )
            for dim, top, side in zip(latent_dims, tops, sides, strict=True)
        ]
        merged = [*(2 * top for top in tops[:-1]), tops[-1]]
        output = nn.ConvTranspose2d(merged[0], event_shape[0], 4, 2, 1)
        upwards: list[nn.Module] = [_activated(output) if self.output_norm else output]
        for above, width in zip(tops, merged[1:], strict=False):
            upscaling = _activated(nn.ConvTranspose2d(width, 2 * above, 4, 2, 1))
            upwards.append(
                nn.Sequential(upscaling, _activated(nn.ConvTranspose2d(2 * above, above, 3, 1, 1)))
            )
        return channels_last(
            LadderDecoder(latent_dims, rungs, upwards, _joined_channels, event_shape)
        )


def _activated(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """With what follows every convolution of the ladder."""
    return nn.Sequential(convolution, nn.ELU(), nn.BatchNorm2d(convolution.out_channels))


def _joined_channels(own: Tensor, above: Tensor) -> Tensor:
    return torch.cat([own, above], 1)
