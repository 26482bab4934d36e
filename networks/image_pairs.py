"""Pairs of convolutional networks, and the pair that takes convolutions for images alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from .convolutional import GMVAE_LAYERS, STRIDED_LAYERS, ConvDecoder, ConvEncoder, Layer, Shape
from .ladder import LadderNetworks
from .pairs import Networks, Perceptron


def image_shape(networks: object, event_shape: tuple[int, ...]) -> Shape:
    """The shape of one datum, which is to be an image.

    Raises:
        ValueError: it is none.
    """
    if len(event_shape) != 3:
        raise ValueError(
            f"networks is {networks!r} and a datum has shape {event_shape}: give images "
            "(C, H, W), or use perceptrons"
        )
    return event_shape[0], event_shape[1], event_shape[2]


class Convolutions(Networks):
    """Convolutions given as a list of layers by :meth:`layers`, with BatchNorm and ReLU."""

    linear_norm: ClassVar[bool] = False

    def layers(self, shape: Shape) -> Sequence[Layer]:
        """The encoder's convolutions for images of this shape, first to last."""
        raise NotImplementedError

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., C, H, W)`` to ``(..., F)``."""
        shape = image_shape(self, event_shape)
        return ConvEncoder(shape, self.layers(shape))

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., D)`` to ``(..., C, H, W)``."""
        shape = image_shape(self, event_shape)
        layers, norm = self.layers(shape), self.linear_norm
        return ConvDecoder(code_dim, shape, layers, linear_norm=norm)


@dataclass(frozen=True)
class Strided(Convolutions):
    """Three convolutions of stride 2 for images of any size; quick.

    Example:
        >>> import torch
        >>> encoder = Strided().encoder((3, 30, 20))
        >>> encoder(torch.zeros(2, 3, 30, 20)).shape
        torch.Size([2, 1536])
    """

    def layers(self, shape: Shape) -> Sequence[Layer]:
        """The encoder's convolutions for images of this shape, first to last."""
        return STRIDED_LAYERS


@dataclass(frozen=True)
class Convolutional(Convolutions):
    """The convolutions of GMVAE's paper, for images of 28×28 (its MNIST) and 32×32 (its SVHN).

    MNIST: 16 maps by 6×6, 32 by 6×6, 64 by 4×4 with stride 2, 500 by 9×9. SVHN: 64, 128 and 256 by
    4×4 with stride 2, 500 by 4×4. Each has BatchNorm and ReLU; decoders begin with a linear layer
    to 500, with BatchNorm and ReLU too, and mirror the rest. Layers under a BatchNorm have no bias
    of their own, and the stride-2 layers are padded by 1, without which the sizes do not come out.

    Example:
        >>> import torch
        >>> encoder = Convolutional().encoder((1, 28, 28))
        >>> encoder(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 500])

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648.
    """

    linear_norm: ClassVar[bool] = True

    def layers(self, shape: Shape) -> Sequence[Layer]:
        """The encoder's convolutions for images of this shape, first to last.

        Raises:
            ValueError: there are none for this size.
        """
        if shape[1:] not in GMVAE_LAYERS:
            sizes = " or ".join(f"{rows}×{columns}" for rows, columns in GMVAE_LAYERS)
            raise ValueError(
                f"networks is {self!r}, which takes images of {sizes}, and a datum has shape "
                f"{shape}: use Strided() or Residual()"
            )
        return GMVAE_LAYERS[shape[1:]]


@dataclass(frozen=True)
class ByShape(Networks):
    """One pair for images and another for everything else, by the shape of a datum.

    Args:
        vectors: the pair for data of any other shape than ``(C, H, W)``.
        images: the pair for images ``(C, H, W)``.

    Raises:
        TypeError: a ladder, for which there is :class:`LadderByShape`.

    Example:
        >>> import torch
        >>> networks = ByShape(vectors=Perceptron(32), images=Strided())
        >>> networks.encoder((64,))(torch.zeros(2, 64)).shape
        torch.Size([2, 32])
    """

    vectors: Networks = Perceptron()
    images: Networks = Strided()

    def __post_init__(self) -> None:
        given: tuple[object, ...] = (self.vectors, self.images)
        for pair in given:
            if isinstance(pair, LadderNetworks):
                raise TypeError(f"ByShape got the ladder {pair!r}: use LadderByShape")
        super().__post_init__()

    def chosen(self, event_shape: tuple[int, ...]) -> Networks:
        """The pair for data of this shape."""
        return self.images if len(event_shape) == 3 else self.vectors

    def settled(self, event_shape: tuple[int, ...]) -> Networks:
        """The pair for data of this shape alone, with its sizes."""
        return self.chosen(event_shape).settled(event_shape)

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from data ``(B, *event)`` to features ``(B, F)``."""
        return self.chosen(event_shape).encoder(event_shape)

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from codes ``(..., D)`` to ``(..., *event)``."""
        return self.chosen(event_shape).decoder(code_dim, event_shape)
