"""Ladder networks: each facet of a code leaves the encoder, and enters the decoder, at its rung.

The architectures are those of MFCVAE (Falck et al. 2021, appendix and the authors' code), after the
variational ladder autoencoder (Zhao, Song & Ermon 2017, arXiv 1702.08396).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from .convolutional import Shape
from .mlp import MLP


class LadderEncoder(nn.Module):
    r"""A chain of backbones; after each a rung leaves for its facet, the shallowest first.

    .. math:: b_0 = x, \qquad b_j = B_j(b_{j-1}), \qquad h_j = R_j(b_j)

    Args:
        backbones: the chain, the first from data ``(N, *event)``.
        rungs: by facet, a network from its backbone's output to features ``(N, F_j)``.
        out_features: by facet, F.
        event_dim: number of dimensions of a datum.
    """

    def __init__(
        self,
        backbones: Sequence[nn.Module],
        rungs: Sequence[nn.Module],
        out_features: Sequence[int],
        event_dim: int,
    ) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        self.rungs = nn.ModuleList(rungs)
        self.out_features = tuple(out_features)
        self.event_dim = event_dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """``(..., *event)`` to ``(..., F_j)`` for each facet."""
        batch = x.shape[: x.dim() - self.event_dim]
        backbone = x.reshape(-1, *x.shape[len(batch) :])
        features = []
        for step, rung in zip(self.backbones, self.rungs, strict=True):
            backbone = step(backbone)
            features.append(rung(backbone).reshape(*batch, -1))
        return tuple(features)


class LadderDecoder(nn.Module):
    r"""Top-down: the deepest facet first, then every rung merged with what came from above.

    .. math:: u_J = \alpha_J R_J(z_J), \qquad
        u_j = \operatorname{merge}\bigl(\alpha_j R_j(z_j),\, B_{j+1}(u_{j+1})\bigr), \qquad
        f(z) = B_1(u_1)

    The coefficients α are all one, and part of no state: :meth:`faded` sets them for a while, which
    is how progressive training fades facets in.

    Args:
        latent_dims: D of each facet, the shallowest first.
        rungs: by facet, a network from z_j ``(N, D_j)``.
        backbones: by facet, a network from the merged features to those of the facet above it.
        merge: joins a rung's features with those from the deeper facet.
        event_shape: shape of one datum.
    """

    def __init__(
        self,
        latent_dims: Sequence[int],
        rungs: Sequence[nn.Module],
        backbones: Sequence[nn.Module],
        merge: Callable[[Tensor, Tensor], Tensor],
        event_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.latent_dims = tuple(latent_dims)
        self.rungs = nn.ModuleList(rungs)
        self.backbones = nn.ModuleList(backbones)
        self.merge = merge
        self.event_shape = event_shape
        self.coefficients: tuple[float, ...] = (1.0,) * len(self.latent_dims)

    @contextmanager
    def faded(self, coefficients: Sequence[float]) -> Iterator[None]:
        """A scope in which each facet's rung is multiplied by its coefficient α.

        Raises:
            ValueError: not one coefficient for each facet.
        """
        if len(coefficients) != len(self.latent_dims):
            raise ValueError(
                f"coefficients are {tuple(coefficients)}: give one for each of the "
                f"{len(self.latent_dims)} facets"
            )
        before, self.coefficients = self.coefficients, tuple(coefficients)
        try:
            yield
        finally:
            self.coefficients = before

    def forward(self, z: Tensor) -> Tensor:
        """The facets' codes one after another, ``(..., ΣD)``, to ``(..., *event)``."""
        codes = z.reshape(-1, z.shape[-1]).split(self.latent_dims, -1)
        features: Tensor | None = None
        for code, rung, backbone, coefficient in reversed(
            list(zip(codes, self.rungs, self.backbones, self.coefficients, strict=True))
        ):
            own = rung(code) if coefficient == 1.0 else coefficient * rung(code)
            features = backbone(own if features is None else self.merge(own, features))
        assert features is not None
        return features.reshape(*z.shape[:-1], *self.event_shape)


def mlp_ladder(
    event_shape: tuple[int, ...],
    latent_dims: Sequence[int],
    *,
    hidden_dims: Sequence[int] = (500, 2000),
    batch_norm: bool = False,
) -> tuple[LadderEncoder, LadderDecoder]:
    """Perceptrons as a ladder, with ``hidden_dims`` H: x - H_1 - … - H_J, z_j linear in layer j.

    The decoder goes z_J - H_J - … - H_1 - H_1 - x, and adds a tenth of a layer on z_j at H_j. The
    paper's for MNIST has H = (500, 2000).

    Args:
        event_shape: shape of one datum, flattened.
        latent_dims: D of each facet, the shallowest first.
        hidden_dims: a width for each facet.
        batch_norm: BatchNorm in every layer.

    Raises:
        ValueError: no facet, or not one width for each.

    Example:
        >>> encoder, decoder = mlp_ladder((784,), (5, 5))
        >>> [features.shape[-1] for features in encoder(torch.zeros(3, 784))]
        [500, 2000]
        >>> decoder(torch.zeros(3, 10)).shape
        torch.Size([3, 784])
    """
    if not latent_dims or len(hidden_dims) != len(latent_dims):
        raise ValueError(
            f"hidden_dims is {tuple(hidden_dims)} for {len(latent_dims)} facets: "
            "a ladder of perceptrons has one width for each facet, the shallowest first"
        )
    size = prod(event_shape)
    backbones: list[nn.Module] = [
        MLP(before, (width,), batch_norm=batch_norm)
        for before, width in pairwise((size, *hidden_dims))
    ]
    backbones[0] = nn.Sequential(nn.Flatten(), backbones[0])
    through = [nn.Identity() for _ in hidden_dims]
    encoder = LadderEncoder(backbones, through, hidden_dims, len(event_shape))

    rungs = [
        MLP(dim, (width,), batch_norm=batch_norm)
        for dim, width in zip(latent_dims, hidden_dims, strict=True)
    ]
    upwards = [MLP(hidden_dims[0], hidden_dims[:1], size, batch_norm=batch_norm)]
    upwards += [
        MLP(width, (above,), batch_norm=batch_norm) for above, width in pairwise(hidden_dims)
    ]
    return encoder, LadderDecoder(latent_dims, rungs, upwards, _gated_add, event_shape)


def conv_ladder(
    shape: Shape, latent_dims: Sequence[int], *, channels: int = 64
) -> tuple[LadderEncoder, LadderDecoder]:
    """Convolutions as a ladder: every facet halves the side and doubles the channels.

    With 64 channels, and J = 2 facets on 32×32, it is the paper's for 3DShapes and SVHN: 4×4
    kernels, every convolution followed by ELU and BatchNorm, features joined as channels.

    Args:
        shape: ``(C, H, W)`` of one image; H and W are divisible by 2^J, and at least 4·2^J.
        latent_dims: D of each facet, the shallowest first.
        channels: of the first backbone.

    Raises:
        ValueError: no facet, or images that cannot be halved so often.

    Example:
        >>> encoder, decoder = conv_ladder((3, 32, 32), (20, 2))
        >>> [features.shape[-1] for features in encoder(torch.zeros(3, 3, 32, 32))]
        [3136, 1024]
        >>> decoder(torch.zeros(3, 22)).shape
        torch.Size([3, 3, 32, 32])
    """
    depth = len(latent_dims)
    if not depth or any(side % 2**depth or side < 4 * 2**depth for side in shape[1:]):
        raise ValueError(
            f"a datum has shape {shape}: a convolutional ladder of {depth} facets takes images "
            f"(C, H, W) whose sides are divisible by {2**depth} and at least {4 * 2**depth}; use "
            "fewer facets, or perceptrons"
        )
    # By facet: channels and shape after the backbone, and channels after the rung.
    widths = [channels << level for level in range(depth)]
    tops = [width if level == 0 else 2 * width for level, width in enumerate(widths)]
    sides = [(shape[1] >> level, shape[2] >> level) for level in range(1, depth + 1)]
    encoder = _conv_encoder(shape[0], widths, tops, sides)
    rungs = [
        nn.Sequential(nn.Linear(dim, top * prod(side)), nn.Unflatten(-1, (top, *side)), nn.ELU())
        for dim, top, side in zip(latent_dims, tops, sides, strict=True)
    ]
    merged = [*(2 * top for top in tops[:-1]), tops[-1]]
    upwards: list[nn.Module] = [nn.ConvTranspose2d(merged[0], shape[0], 4, 2, 1)]
    for above, width in zip(tops, merged[1:], strict=False):
        upscaling = _activated(nn.ConvTranspose2d(width, 2 * above, 4, 2, 1))
        upwards.append(
            nn.Sequential(upscaling, _activated(nn.ConvTranspose2d(2 * above, above, 3, 1, 1)))
        )
    decoder = LadderDecoder(latent_dims, rungs, upwards, _joined_channels, shape)
    # In this memory order convolutions are a third quicker on a CPU.
    for ladder in (encoder, decoder):
        ladder.to(memory_format=torch.channels_last)
    return encoder, decoder


def _conv_encoder(
    channels: int, widths: Sequence[int], tops: Sequence[int], sides: Sequence[tuple[int, int]]
) -> LadderEncoder:
    """The encoder for images of so many channels, by the sizes of its facets."""
    backbones, rungs, out_features = [], [], []
    for before, width, top, side in zip((channels, *widths), widths, tops, sides, strict=False):
        last = nn.Conv2d(width, top, 4, 1 if top == width else 2, 1)
        backbones.append(_activated(nn.Conv2d(before, width, 4, 2, 1)))
        halving = _activated(nn.Conv2d(width, width, 4, 2, 1))
        rungs.append(nn.Sequential(halving, _activated(last), nn.Flatten()))
        ends = [size // 2 - 1 if top == width else size // 4 for size in side]
        out_features.append(top * prod(ends))
    return LadderEncoder(backbones, rungs, out_features, 3)


def _activated(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.ELU(), nn.BatchNorm2d(convolution.out_channels))


def _gated_add(own: Tensor, above: Tensor) -> Tensor:
    return 0.1 * own + above


def _joined_channels(own: Tensor, above: Tensor) -> Tensor:
    return torch.cat([own, above], 1)
