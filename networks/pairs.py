"""Pair objects: each says how an encoder, and the decoder that mirrors it, are built for some data.

A pair holds sizes and choices, no weights. Encoder first and decoder second, a seed gives the same
weights each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from numbers import Integral

import torch
from torch import Tensor, nn

from ..parts import Count, Part, check_fields
from .mlp import MLP


class Networks(Part, kind="networks", abstract=True):
    """What builds an encoder without its heads, and the decoder that mirrors it.

    Any object with these two methods will do. Deriving from this class says so, and a frozen
    dataclass is shown, compared and saved by its arguments.

    Example:
        >>> @dataclass(frozen=True)
        ... class Linear(Networks):
        ...     width: int = 3
        ...
        ...     def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        ...         return nn.Sequential(nn.Flatten(), nn.Linear(prod(event_shape), self.width))
        ...
        ...     def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        ...         layer = nn.Linear(code_dim, prod(event_shape))
        ...         return nn.Sequential(layer, nn.Unflatten(-1, event_shape))
        >>> Linear().decoder(2, (1, 8, 8))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, code_dim: int, event_shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
        """A new encoder, and the decoder that mirrors it."""
        return self.encoder(event_shape), self.decoder(code_dim, event_shape)

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from data ``(B, *event)`` to features ``(B, F)``.

        Raises:
            ValueError: the networks do not fit data of this shape.
        """
        raise NotImplementedError

    def settled(self, event_shape: tuple[int, ...]) -> Networks:
        """These networks with the sizes that they have for data of this shape, whatever comes."""
        return self

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from codes ``(..., D)`` to ``(..., *event)``.

        Raises:
            ValueError: the networks do not fit data of this shape.
        """
        raise NotImplementedError


def feature_dims(
    encoder: nn.Module, event_shape: tuple[int, ...], **companions: Tensor
) -> tuple[int, ...]:
    """How many features an encoder gives: one number, or one for each facet of a ladder.

    Two data of zeros are sent through it in evaluation mode, so that nothing in it changes.

    Args:
        encoder: a network from ``(B, *event)`` to ``(B, F)``, or to a tuple of such.
        event_shape: shape of one datum.
        **companions: of both data, where it sees some.

    Raises:
        ValueError: it gives another shape.

    Example:
        >>> feature_dims(Perceptron(32).encoder((1, 8, 8)), (1, 8, 8))
        (32,)
    """
    like = next(encoder.parameters(), torch.empty(0))
    modes = {module: module.training for module in encoder.modules()}
    try:
        with torch.no_grad():
            zeros = torch.zeros(2, *event_shape, dtype=like.dtype).to(like.device)
            given = encoder.eval()(zeros, **companions)
    finally:
        for module, mode in modes.items():
            module.training = mode
    features = given if isinstance(given, tuple | list) else (given,)
    shapes = [tuple(each.shape) for each in features]
    if any(len(shape) != 2 or shape[0] != 2 for shape in shapes):
        raise ValueError(
            f"the encoder makes {shapes} of 2 data of shape {event_shape}: it must give (2, F), "
            "or such features for each facet"
        )
    return tuple(shape[1] for shape in shapes)


def widths(value: Sequence[int] | int, argument: str = "hidden_dims") -> tuple[int, ...]:
    """The sizes of layers as a tuple; a number alone is one layer.

    Raises:
        ValueError: none, or one below 1.
    """
    sizes = (int(value),) if isinstance(value, int | Integral) else tuple(value)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"{argument} is {value}: give at least one size, each 1 or more")
    return sizes


@dataclass(frozen=True)
class Perceptron(Networks):
    """Multilayer perceptrons; images are flattened, and put together again.

    ``Perceptron((500, 500, 2000))`` is VaDE's: D-500-500-2000, ReLU, no BatchNorm, and its mirror.

    Args:
        hidden_dims: the encoder's hidden layers, reversed in the decoder; a number is one layer.
            ``None``: ``small`` or ``large``, by the size of the data.
        small: the hidden layers for data of at most 100 features.
        large: the hidden layers for data of more.
        batch_norm: put a BatchNorm before every nonlinearity.

    Example:
        >>> encoder = Perceptron().encoder((784,))
        >>> encoder(torch.zeros(3, 784)).shape
        torch.Size([3, 2000])

    References:
        Jiang et al. (2017). Variational Deep Embedding. arXiv 1611.05148.
    """

    hidden_dims: tuple[Count, ...] | Count | None = None
    small: tuple[Count, ...] | Count = (256, 256)
    large: tuple[Count, ...] | Count = (500, 500, 2000)
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument in ("hidden_dims", "small", "large"):
            if (value := getattr(self, argument)) is not None:
                object.__setattr__(self, argument, widths(value, argument))

    def layers(self, event_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The encoder's hidden layers for data of this shape."""
        usual = self.small if prod(event_shape) <= 100 else self.large
        return widths(usual if self.hidden_dims is None else self.hidden_dims)

    def settled(self, event_shape: tuple[int, ...]) -> Perceptron:
        """The hidden layers for data of this shape, given."""
        return replace(self, hidden_dims=self.layers(event_shape))

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., *event)`` to ``(..., F)``."""
        size = prod(event_shape)
        network = MLP(size, self.layers(event_shape), batch_norm=self.batch_norm)
        if len(event_shape) == 1:
            return network
        return nn.Sequential(nn.Flatten(-len(event_shape)), network)

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., D)`` to ``(..., *event)``."""
        hidden_dims, size = self.layers(event_shape)[::-1], prod(event_shape)
        network = MLP(code_dim, hidden_dims, size, batch_norm=self.batch_norm)
        if len(event_shape) == 1:
            return network
        return nn.Sequential(network, nn.Unflatten(-1, event_shape))
