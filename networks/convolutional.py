"""Convolutional encoder and decoder, described once by a list of layers and mirrored exactly.

``GMVAE_LAYERS`` are the networks of GMVAE (Dilokthanakul et al. 2016, table in the appendix and the
authors' code); ``STRIDED_LAYERS`` fit images of any size and are quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]


class Layer(NamedTuple):
    """One convolution: output channels, square kernel, stride, zero padding."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def size(self, size: int) -> int:
        """The side of the output for an input of side ``size``."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


GMVAE_LAYERS: dict[tuple[int, int], tuple[Layer, ...]] = {
    (28, 28): (Layer(16, 6), Layer(32, 6), Layer(64, 4, 2, 1), Layer(500, 9)),
    (32, 32): (Layer(64, 4, 2, 1), Layer(128, 4, 2, 1), Layer(256, 4, 2, 1)),
}

STRIDED_LAYERS = (Layer(32, 3, 2, 1), Layer(64, 3, 2, 1), Layer(128, 3, 2, 1))


def _shapes(shape: Shape, layers: Sequence[Layer]) -> list[Shape]:
    """The shape before the first layer and after each."""
    shapes = [shape]
    for layer in layers:
        _, height, width = shapes[-1]
        shapes.append((layer.channels, layer.size(height), layer.size(width)))
        if min(shapes[-1]) < 1:
            raise ValueError(
                f"layers do not fit an image of shape {shape}: {layer} leaves {shapes[-1]}; "
                "use fewer layers, smaller kernels or more padding"
            )
    return shapes


def _block(
    convolution: nn.Module, channels: int, activation: Callable[[], nn.Module], batch_norm: bool
) -> list[nn.Module]:
    norm: list[nn.Module] = [nn.BatchNorm2d(channels)] if batch_norm else []
    return [convolution, *norm, activation()]


def _channels_last(layers: nn.Sequential) -> nn.Sequential:
    """The same layers with the memory order in which convolutions are a third quicker on a CPU."""
    return layers.to(memory_format=torch.channels_last)


class ConvEncoder(nn.Module):
    """Convolutions from an image to a flat feature vector.

    Args:
        shape: ``(C, H, W)`` of one image.
        layers: the convolutions, first to last.
        activation: makes the nonlinearity after every convolution.
        batch_norm: put a BatchNorm before every nonlinearity.

    Raises:
        ValueError: the layers do not fit the image.

    Example:
        >>> import torch
        >>> encoder = ConvEncoder((1, 28, 28), GMVAE_LAYERS[28, 28])
        >>> encoder(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 500])
    """

    def __init__(
        self,
        shape: Shape,
        layers: Sequence[Layer],
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        shapes = _shapes(shape, layers)
        modules: list[nn.Module] = []
        for before, layer in zip(shapes, layers, strict=False):
            convolution = nn.Conv2d(
                before[0],
                layer.channels,
                layer.kernel,
                layer.stride,
                layer.padding,
                bias=not batch_norm,
            )
            modules += _block(convolution, layer.channels, activation, batch_norm)
        self.layers = _channels_last(nn.Sequential(*modules, nn.Flatten()))
        self.out_features = shapes[-1][0] * shapes[-1][1] * shapes[-1][2]

    def forward(self, x: Tensor) -> Tensor:
        """``(..., C, H, W)`` to ``(..., out_features)``."""
        flat: Tensor = self.layers(x.reshape(-1, *x.shape[-3:]))
        return flat.reshape(*x.shape[:-3], self.out_features)


class ConvDecoder(nn.Module):
    """The mirror image of :class:`ConvEncoder`: a linear layer, then transposed convolutions.

    Args:
        in_features: size of the code, D.
        shape: ``(C, H, W)`` of the image to produce.
        layers: the layers of the *encoder* to mirror, in the encoder's order.
        activation: makes the nonlinearity after every layer but the last.
        batch_norm: put a BatchNorm before every nonlinearity.

    Raises:
        ValueError: the layers do not fit the image.

    Example:
        >>> import torch
        >>> decoder = ConvDecoder(64, (3, 32, 32), GMVAE_LAYERS[32, 32])
        >>> decoder(torch.zeros(2, 64)).shape
        torch.Size([2, 3, 32, 32])
    """

    def __init__(
        self,
        in_features: int,
        shape: Shape,
        layers: Sequence[Layer],
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        shapes = _shapes(shape, layers)
        top = shapes[-1]
        modules: list[nn.Module] = [
            nn.Linear(in_features, top[0] * top[1] * top[2]),
            nn.Unflatten(-1, top),
            activation(),
        ]
        steps = list(zip(shapes, layers, strict=False))
        for position, (before, layer) in enumerate(reversed(steps)):
            last = position == len(steps) - 1
            remainder = tuple(
                (side + 2 * layer.padding - layer.kernel) % layer.stride for side in before[1:]
            )
            convolution = nn.ConvTranspose2d(
                layer.channels,
                before[0],
                layer.kernel,
                layer.stride,
                layer.padding,
                output_padding=remainder,  # type: ignore[arg-type]
                bias=last or not batch_norm,
            )
            modules += (
                [convolution] if last else _block(convolution, before[0], activation, batch_norm)
            )
        self.layers = _channels_last(nn.Sequential(*modules))
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        """``(..., in_features)`` to ``(..., C, H, W)``."""
        images: Tensor = self.layers(z.reshape(-1, z.shape[-1]))
        return images.reshape(*z.shape[:-1], *self.shape)
