"""What a prior's program draws, read off its trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import constraints

from ..models import MixturePrior
from .laws import require


@dataclass(frozen=True)
class Draws:
    """Draws of a prior's program.

    Attributes:
        values: by short name, ``(N, D)`` of z and of a style, ``(N,)`` of c.
        supports: of the laws they are drawn from, likewise.
        enumerated: whether c is enumerated where Pyro enumerates.
        code: what the program returns.
    """

    values: dict[str, Tensor]
    supports: dict[str, constraints.Constraint | None]
    enumerated: bool
    code: Tensor


def draws(prior: MixturePrior, n: int) -> Draws:
    """n draws of a prior's program inside the data plate.

    Raises:
        AssertionError: the program does not emit the sites that it should.

    Example:
        >>> from pyromix.models import GaussianMixture
        >>> draws(GaussianMixture(3, 2), 5).values["z"].shape
        torch.Size([5, 2])
    """

    def program() -> Tensor:
        with pyro.plate("data", n):
            code: Tensor = prior()
        return code

    with torch.no_grad():
        every: Any = poutine.trace(program).get_trace().nodes
    names = (*prior.latent_sites, "c")
    emitted = {name for name, node in every.items() if node["type"] == "sample"} - {"data"}
    wanted = {prior.site(name) for name in names}
    require(
        emitted == wanted,
        f"{prior!r} breaks a law: its program emits the sites of its latents and its cluster. It "
        f"emits {', '.join(sorted(emitted)) or 'none'} where {', '.join(sorted(wanted))} are right",
    )
    nodes = {name: every[prior.site(name)] for name in names}
    return Draws(
        {name: node["value"] for name, node in nodes.items()},
        {name: node["fn"].support for name, node in nodes.items()},
        nodes["c"]["infer"].get("enumerate") == "parallel",
        every["_RETURN"]["value"],
    )
