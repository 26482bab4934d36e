"""Perceptrons as a ladder, and the ladder that is chosen by the shape of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ..parts import Count
from .convolutional_ladder import ConvolutionalLadder
from .ladder import LadderDecoder, LadderEncoder, LadderNetworks
from .mlp import MLP
from .pairs import widths


@dataclass(frozen=True)
class PerceptronLadder(LadderNetworks):
    """Perceptrons as a ladder of widths H: x - H_1 - … - H_J, with z_j linear in layer j.

    The decoder goes z_J - H_J - … - H_1 - H_1 - x, and adds a tenth of a layer on z_j at H_j. The
    paper's for MNIST has H = (500, 2000), ReLU, and no BatchNorm.

    Args:
        hidden_dims: a width for each facet; a number stands for all. ``None``: 256 each for data of
            at most 100 features, and 500, then 2000 each, for others.
        batch_norm: BatchNorm in every layer.

    Example:
        >>> import torch
        >>> networks = PerceptronLadder()
        >>> encoder, decoder = networks.encoder((784,), 2), networks.decoder((5, 5), (784,))
        >>> [features.shape[-1] for features in encoder(torch.zeros(3, 784))]
        [500, 2000]
        >>> decoder(torch.zeros(3, 10)).shape
        torch.Size([3, 784])

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    hidden_dims: tuple[Count, ...] | Count | None = None
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden_dims is not None:
            sizes = widths(self.hidden_dims)
            if not isinstance(self.hidden_dims, int):
                object.__setattr__(self, "hidden_dims", sizes)

    def layers(self, event_shape: tuple[int, ...], n_facets: int) -> tuple[int, ...]:
        """The width of each facet for data of this shape.

        Raises:
            ValueError: no facet, or not one width for each.
        """
        if self.hidden_dims is None:
            small = prod(event_shape) <= 100
            sizes = (256,) * n_facets if small else (500, *(2000,) * (n_facets - 1))
        elif isinstance(self.hidden_dims, int):
            sizes = (self.hidden_dims,) * n_facets
        else:
            sizes = self.hidden_dims
        if n_facets < 1 or len(sizes) != n_facets:
            raise ValueError(
                f"hidden_dims is {self.hidden_dims} for {n_facets} facets: "
                "a ladder of perceptrons has one width for each facet, the shallowest first"
            )
        return sizes

    def settled(self, event_shape: tuple[int, ...], n_facets: int) -> PerceptronLadder:
        """The widths for data of this shape, given."""
        return replace(self, hidden_dims=self.layers(event_shape, n_facets))

    def encoder(self, event_shape: tuple[int, ...], n_facets: int) -> LadderEncoder:
        """A new network from ``(..., *event)`` to ``(..., F_j)`` for each facet."""
        sizes = self.layers(event_shape, n_facets)
        backbones: list[nn.Module] = [
            MLP(before, (width,), batch_norm=self.batch_norm)
            for before, width in pairwise((prod(event_shape), *sizes))
        ]
        backbones[0] = nn.Sequential(nn.Flatten(), backbones[0])
        through = [nn.Identity() for _ in sizes]
        return LadderEncoder(backbones, through, sizes, len(event_shape))

    def decoder(self, latent_dims: tuple[int, ...], event_shape: tuple[int, ...]) -> LadderDecoder:
        """A new network from ``(..., ΣD)`` to ``(..., *event)``."""
        sizes = self.layers(event_shape, len(latent_dims))
        rungs = [
            MLP(dim, (width,), batch_norm=self.batch_norm)
            for dim, width in zip(latent_dims, sizes, strict=True)
        ]
        upwards = [MLP(sizes[0], sizes[:1], prod(event_shape), batch_norm=self.batch_norm)]
        upwards += [
            MLP(width, (above,), batch_norm=self.batch_norm) for above, width in pairwise(sizes)
        ]
        return LadderDecoder(latent_dims, rungs, upwards, _gated_add, event_shape)


@dataclass(frozen=True)
class LadderByShape(LadderNetworks):
    """One ladder for images and another for everything else, by the shape of a datum.

    Args:
        vectors: the ladder for data of any other shape than ``(C, H, W)``.
        images: the ladder for images ``(C, H, W)``.

    Example:
        >>> import torch
        >>> encoder = LadderByShape().encoder((64,), 2)
        >>> [features.shape[-1] for features in encoder(torch.zeros(3, 64))]
        [256, 256]
    """

    vectors: LadderNetworks = PerceptronLadder()
    images: LadderNetworks = ConvolutionalLadder()

    def chosen(self, event_shape: tuple[int, ...]) -> LadderNetworks:
        """The ladder for data of this shape."""
        return self.images if len(event_shape) == 3 else self.vectors

    def settled(self, event_shape: tuple[int, ...], n_facets: int) -> LadderNetworks:
        """The ladder for data of this shape alone, with its sizes."""
        return self.chosen(event_shape).settled(event_shape, n_facets)

    def encoder(self, event_shape: tuple[int, ...], n_facets: int) -> nn.Module:
        """A new network from data ``(B, *event)`` to a tuple of J features ``(B, F_j)``."""
        return self.chosen(event_shape).encoder(event_shape, n_facets)

    def decoder(self, latent_dims: tuple[int, ...], event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from ``(..., ΣD)`` to ``(..., *event)``."""
        return self.chosen(event_shape).decoder(latent_dims, event_shape)


def _gated_add(own: Tensor, above: Tensor) -> Tensor:
    return 0.1 * own + above
