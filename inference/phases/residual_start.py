"""A start of several clusterings, each found in what the ones before it leave of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ..prediction import asked
from ..training import Rows
from .around import StartAround
from .filling import filled
from .starts import KMeansStart


@dataclass(frozen=True, repr=False)
class ResidualStart(StartAround, alias="residual"):
    r"""Groups of the data for the first facet, and for each further one of what is left by then.

    .. math:: x^{(0)} = x, \qquad
        x^{(j+1)} = x^{(j)} - \sum_c P_{jc}(x)\, m_{jc}, \qquad
        m_{jc} = \frac{\sum_x P_{jc}(x)\, x^{(j)}}{\sum_x P_{jc}(x)}

    The groups P_j are found in x^(j), so that what the means of one facet's groups tell is not
    found again by the next. A facet that changes the spread or the direction of another's
    differences, as a colour does of a shape's, is not taken out by its means.

    Args:
        start: finds the groups of each facet in the data: a start, a clusterer, a function or a
            name.

    Raises:
        TypeError, ValueError: in the fit, a start that looks at the code.

    References:
        Cui, Fern & Dy (2007). Non-redundant multi-view clustering via orthogonalization. ICDM. They
        project out each datum's centroid, or the span of all; here the means are subtracted.
    """

    start: Any = KMeansStart(on="data")

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """The groups of one facet after the other."""
        rows = asked(x)
        x = model.coordinates(rows.x, **rows.companions)
        groups: dict[str, Tensor] = {}
        numbers: dict[str, float] = {}
        x = filled(x)
        for mixture in model.prior.mixtures:
            soft, found = self.start.find(x, mixture, x, seed=seed, pretrained=pretrained)
            site = mixture.site("c")
            groups[site] = torch.as_tensor(soft).to(mixture.logits)
            x = residual(x, groups[site])
            several = len(model.prior.mixtures) > 1
            numbers |= {f"{name}_{site}" if several else name: each for name, each in found.items()}
        return groups, numbers

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse what the start within refuses, and one that looks at the code."""
        super().check(model, guide, x)
        self.start.check(model, guide, x)
        if self.start.on != "data":
            raise ValueError(
                f"start is {self.start!r} on the code, and what a facet leaves is looked for in "
                'the data: use on="data"'
            )


def residual(x: Tensor, groups: Tensor) -> Tensor:
    """Data less the means of their groups; a datum of none less the mean of all.

    Args:
        x: data, ``(N, *event)``.
        groups: soft groups, ``(N, K)``.

    Example:
        >>> residual(torch.tensor([[1.0], [3.0], [9.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]]))
        tensor([[-1.],
                [ 1.],
                [ 0.]])
    """
    flat = x.flatten(1).double()
    centred, shares = flat - flat.mean(0), groups.to(flat)
    means = shares.T @ centred / shares.sum(0).clamp(min=1e-12).unsqueeze(-1)
    return (centred - shares @ means).to(x.dtype).view_as(x)
