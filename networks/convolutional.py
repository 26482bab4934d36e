"""Convolutional encoder and decoder, described once by a list of layers and mirrored exactly.

``GMVAE_LAYERS`` are the networks of GMVAE (Dilokthanakul et al. 2016, table in the appendix and the
authors' code); ``STRIDED_LAYERS`` fit images of any size and are quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]
Network = TypeVar("Network", bound=nn.Module)


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
    (32, 32): (Layer(64, 4, 2, 1), Layer(128, 4, 2, 1), Layer(256, 4, 2, 1), Layer(500, 4)),
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
    module: nn.Module, channels: int, activation: Callable[[], nn.Module], batch_norm: bool
) -> list[nn.Module]:
    norm: list[nn.Module] = [nn.BatchNorm2d(channels)] if batch_norm else []
    return [module, *norm, activation()]


def channels_last(network: Network) -> Network:
    """The same network, its convolutions a third quicker on a CPU by the memory order they work in.

    Weights themselves stay contiguous: of others Pyro's parameter store makes contiguous copies, so
    that plain ``SVI`` would train the copies and leave the network as it was.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_pre_hook(_reordered)
    return network


def _reordered(_: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    (x,) = inputs
    # Told by the stride, since images of one channel count as being in either order.
    return (x if x.stride(1) == 1 else x.clone(memory_format=torch.channels_last),)


class Stack(nn.Module):
    """Layers that treat any number of batch dimensions as one.

    Args:
        layers: from ``(N, *event)`` to ``(N, *out_shape)``.
        event_dim: number of dimensions of one input.
        out_shape: shape of one output.
    """

    def __init__(
        self, layers: Sequence[nn.Module], event_dim: int, out_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.layers = channels_last(nn.Sequential(*layers))
        self.event_dim = event_dim
        self.out_shape = out_shape

    def forward(self, x: Tensor) -> Tensor:
        """``(..., *event)`` to ``(..., *out_shape)``."""
        batch = x.shape[: x.dim() - self.event_dim]
        flat: Tensor = self.layers(x.reshape(-1, *x.shape[len(batch) :]))
        return flat.reshape(*batch, *self.out_shape)


class ConvEncoder(Stack):
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
        super().__init__([*modules, nn.Flatten()], 3, (prod(shapes[-1]),))
        self.out_features = prod(shapes[-1])


class ConvDecoder(Stack):
    """The mirror image of :class:`ConvEncoder`: a linear layer, then transposed convolutions.

    Args:
        in_features: size of the code, D.
        shape: ``(C, H, W)`` of the image to produce.
        layers: the layers of the *encoder* to mirror, in the encoder's order.
        activation: makes the nonlinearity after every layer but the last.
        batch_norm: put a BatchNorm before the nonlinearity after every convolution.
        linear_norm: put one before the nonlinearity after the linear layer too.

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
        linear_norm: bool = False,
    ) -> None:
        shapes = _shapes(shape, layers)
        top = shapes[-1]
        modules: list[nn.Module] = [
            nn.Linear(in_features, prod(top), bias=not linear_norm),
            *_block(nn.Unflatten(-1, top), top[0], activation, linear_norm),
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
        super().__init__(modules, 1, shape)
