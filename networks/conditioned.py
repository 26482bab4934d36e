"""Encoders that see covariates of a datum beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..parts import heeded


class Conditioned(nn.Module):
    """An encoder of data that have their covariates beside them: as features, or as channels.

    Of an image every covariate is a further channel, the same all over.

    Args:
        encoder: a network from ``(B, X + P)``, or ``(B, C + P, H, W)``, to features.
        n_covariates: P.

    Example:
        >>> encoder = Conditioned(nn.Linear(4 + 2, 8), 2)
        >>> encoder(torch.zeros(5, 4), covariates=torch.ones(5, 2)).shape
        torch.Size([5, 8])
    """

    def __init__(self, encoder: nn.Module, n_covariates: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_covariates = n_covariates

    @property
    def companions(self) -> tuple[str, ...]:
        """The covariates, and what the encoder within looks at."""
        within: tuple[str, ...] = getattr(self.encoder, "companions", ())
        return ("covariates", *within)

    def forward(self, x: Tensor, covariates: Tensor | None = None, **companions: Tensor) -> Any:
        """Features of data ``(B, *event)`` and covariates ``(B, P)``.

        Raises:
            ValueError: there are none, or another number of them.
        """
        given = checked_covariates(covariates, self.n_covariates).to(x.dtype)
        shape = (*given.shape, *(1 for _ in x.shape[2:]))
        beside = given.reshape(shape).expand(*given.shape, *x.shape[2:])
        return self.encoder(torch.cat([x, beside], 1), **heeded(self.encoder, companions))


def checked_covariates(covariates: Tensor | None, n_covariates: int) -> Tensor:
    """Covariates, ``(..., P)``.

    Raises:
        ValueError: there are none, or another number of them.
    """
    if covariates is None:
        raise ValueError(
            f"covariates are missing: the story has {n_covariates}; give covariates= (B, "
            f"{n_covariates}) beside the data"
        )
    if covariates.shape[-1] != n_covariates:
        raise ValueError(
            f"covariates have {covariates.shape[-1]} columns, and the story has {n_covariates}"
        )
    return covariates
