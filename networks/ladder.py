"""Ladder networks: each facet of a code leaves the encoder, and enters the decoder, at its rung.

After the variational ladder autoencoder (Zhao, Song & Ermon 2017, arXiv 1702.08396).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from ..parts import Part, check_fields


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


class LadderNetworks(Part, kind="networks", abstract=True):
    """What builds a ladder: an encoder with features, and a decoder with a code, by facet.

    Whatever is given by facet has the shallowest first. A pair of one's own derives from this class
    and defines the two methods; :class:`LadderEncoder` and :class:`LadderDecoder` do the climbing.
    A decoder of another class cannot have its facets faded in.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(
        self, latent_dims: tuple[int, ...], event_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        """A new encoder, and the decoder that mirrors it."""
        encoder = self.encoder(event_shape, len(latent_dims))
        return encoder, self.decoder(latent_dims, event_shape)

    def settled(self, event_shape: tuple[int, ...], n_facets: int) -> LadderNetworks:
        """These networks with the sizes that they have for data of this shape, whatever comes."""
        return self

    def encoder(self, event_shape: tuple[int, ...], n_facets: int) -> nn.Module:
        """A new network from data ``(B, *event)`` to a tuple of J features ``(B, F_j)``.

        Raises:
            ValueError: the networks do not fit data of this shape, or so many facets.
        """
        raise NotImplementedError

    def decoder(self, latent_dims: tuple[int, ...], event_shape: tuple[int, ...]) -> nn.Module:
        """A new network from the facets' codes side by side, ``(..., ΣD)``, to ``(..., *event)``.

        Raises:
            ValueError: the networks do not fit data of this shape, or so many facets.
        """
        raise NotImplementedError
