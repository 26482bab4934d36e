"""Starts that look at something of the data, so that several clusterings do not find one thing."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import Part, check_fields
from ..training import Rows, as_rows
from .around import StartAround, StartsAround
from .start import Features


class Look(Part, kind="look", abstract=True):
    """Something of the data, in which a start finds groups; a subclass defines :meth:`__call__`."""

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Data ``(N, *event)`` to ``(N, F)``, or to data of another shape.

        Raises:
            ValueError: data that cannot be looked at so.
        """


@dataclass(frozen=True, repr=False)
class Brightness(Look, alias="brightness"):
    """The brightest channel of every pixel, which a change of hue leaves as it is (HSV's value).

    Example:
        >>> Brightness()(torch.rand(5, 3, 8, 8)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` to ``(N, 1, H, W)``."""
        return _coloured("Brightness", x).amax(1, keepdim=True)


@dataclass(frozen=True, repr=False)
class Colours(Look, alias="colours"):
    """The direction of the mean colour, which neither a form nor its brightness changes.

    Of an image that is all black it is 0.

    Example:
        >>> Colours()(torch.rand(5, 3, 8, 8)).shape
        torch.Size([5, 3])
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` to ``(N, C)``, of length 1."""
        mean = _coloured("Colours", x).flatten(2).mean(2)
        length: Tensor = mean.norm(dim=1, keepdim=True).clamp(min=1e-6)
        return mean / length


def _coloured(name: str, x: Tensor) -> Tensor:
    if x.dim() != 4 or x.shape[1] < 2:
        raise ValueError(
            f"{name}() looks at images of several channels (N, C, H, W), and X has shape "
            f"{tuple(x.shape)}: use a start on the data as they are"
        )
    return x


@dataclass(frozen=True, repr=False)
class Through(StartAround, alias="through"):
    """Groups that a start finds in a look of the data.

    Args:
        start: a start on the data, a clusterer, a function or a name.
        look: what it is shown.

    Example:
        >>> from .starts import KMeansStart
        >>> Through(KMeansStart(on="data"), Colours())
        Through(start=KMeansStart(on='data'), look=Colours())
    """

    look: Look = Brightness()

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """Those that the start within finds in the look."""
        found: tuple[Features, dict[str, float]] = self.start.find(
            self.look(x), mixture, code, seed=seed, pretrained=pretrained
        )
        return found

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse data that cannot be looked at so, and a start on the code."""
        super().check(model, guide, x)
        if self.start.on != "data":
            raise ValueError(f'start is {self.start!r}: a look is of the data, so use on="data"')
        self.look(x)


@dataclass(frozen=True, repr=False)
class ByFacet(StartsAround, alias="by-facet"):
    """A start for each of several clusterings.

    Args:
        starts: one for each facet, the shallowest first: starts, clusterers, functions or names.

    Example:
        >>> from .starts import GaussianMixtureStart
        >>> mixtures = GaussianMixtureStart(on="data")
        >>> start = ByFacet((Through(mixtures, Colours()), Through(mixtures, Brightness())))
    """

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Not of one clustering.

        Raises:
            ValueError: always.
        """
        raise ValueError("ByFacet has a start for each of several clusterings: use one of them")

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Each facet's groups by its own start."""
        rows = as_rows(x).x
        groups: dict[str, Tensor] = {}
        numbers: dict[str, float] = {}
        for mixture, start in zip(model.prior.mixtures, self.starts, strict=True):
            soft, found = start.find(rows, mixture, rows, seed=seed, pretrained=pretrained)
            site = mixture.site("c")
            groups[site] = torch.as_tensor(soft).to(mixture.logits)
            numbers |= {f"{name}_{site}": each for name, each in found.items()}
        return groups, numbers

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse another number of facets, and starts on the code."""
        super().check(model, guide, x)
        facets = len(model.prior.mixtures)
        if len(self.starts) != facets:
            raise ValueError(
                f"ByFacet has {len(self.starts)} starts, and the story has {facets} clustering(s): "
                "give one for each"
            )
        for each in self.starts:
            if each.on != "data":
                raise ValueError(f'{each!r} within ByFacet is on the code: use on="data"')
