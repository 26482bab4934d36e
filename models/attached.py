"""What a prior is told of beside its sizes: its guide, and the data it starts from."""

from __future__ import annotations

from typing import Any, Protocol

from pyro.distributions import TorchDistribution
from torch import Tensor


class Encoding(Protocol):
    """What a prior that is made of its guide's posteriors needs of it."""

    training: bool

    def posterior(self, x: Tensor, /) -> dict[str, TorchDistribution]:
        """q(· | x) of each site, batch shape ``(B,)``."""

    def train(self, mode: bool = True) -> Any:
        """Switch batch statistics and the like on or off."""


class Attached:
    """Two occasions that most priors let pass; a family that needs one overrides it."""

    def attach(self, guide: Encoding, event_shape: tuple[int, ...]) -> None:
        """Be told of the guide of the continuous latents, once both are made.

        Args:
            guide: it stays another's: its parameters are no parameters of the prior.
            event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        """

    def see(self, x: Tensor) -> None:
        """Be shown the data ``(N, *event)`` whose codes and groups a start has next."""
