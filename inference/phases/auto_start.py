"""The start that is right for most data: several, by the size of the data, of which one is kept."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...guides import Guide
from ...models import Mixed, MixturePrior, MixtureVAE
from ..training import Rows, as_rows
from .choice import BestOf
from .looks import Brightness, ByFacet, Colours, Through
from .manifold import SpectralStart, UMAPStart
from .residual_start import ResidualStart
from .start import Features, Start
from .starts import GaussianMixtureStart, KMeansStart

FEW, MANY = 1000, 5000  # data from which UMAP is tried, and up to which eigenvectors are
NEAR = 5  # neighbours in a graph that shows groups of ten data


@dataclass(frozen=True, repr=False)
class AutoStart(Start, alias="auto"):
    """The best of several starts by modularity, which looks at no labels.

    They are a Gaussian mixture on 30 principal components, one on a UMAP (from 1,000 data), and
    spectral clustering (up to 5,000) by 15 neighbours and by 5: the first for clouds, the others
    for groups of any shape, and the last for small ones. Groups of unlike sizes are kept if they
    stand apart and those of highest modularity do not (:class:`BestOf`). Which were tried, and
    their scores, stand in the history's row.

    Of a table with categories it is k-means of the encoded columns: full covariances collapse on
    one-hot columns, and neighbours share all categories or none.

    Several clusterings must not find one thing. Of two clusterings of colour images the first is of
    colours, by a Gaussian mixture on the mean one, and the second of brightness, which hue leaves
    alone; of all other data each is looked for in what the ones before it leave.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> x, moons = make_moons(200, noise=0.05, random_state=0)
        >>> groups = AutoStart().groups(x, 2, seed=0)
        >>> bool(abs((groups.argmax(1) == moons).mean() - 0.5) > 0.45)
        True
    """

    on = "data"

    def candidates(self, n: int) -> BestOf:
        """The starts that are tried on so many data."""
        starts: list[Start] = [GaussianMixtureStart(on="data", n_components=30)]
        if n >= FEW:
            starts.append(UMAPStart())
        if n <= MANY:
            starts += [SpectralStart(), SpectralStart(n_neighbours=NEAR)]
        return BestOf(tuple(starts))

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Those of the start that is kept, ``(N, K)``."""
        return self.candidates(len(features)).groups(features, n_clusters, seed)

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Those of each clustering, apart from the others."""
        facets = len(model.prior.mixtures)
        named = isinstance(model.likelihood, Mixed) and model.likelihood.has_categories
        usual: Start = KMeansStart(on="data") if named else self
        if facets == 1 and usual is self:
            return super().find_all(model, guide, x, seed=seed, pretrained=pretrained)
        if facets == 1:
            return usual.find_all(model, guide, x, seed=seed, pretrained=pretrained)
        within: Start = ResidualStart(usual)
        shape = as_rows(x).x.shape
        if facets == 2 and len(shape) == 4 and shape[1] == 3:
            colours = Through(GaussianMixtureStart(on="data"), Colours())
            within = ByFacet((colours, Through(self, Brightness())))
        return within.find_all(model, guide, x, seed=seed, pretrained=pretrained)

    def find(
        self,
        x: Tensor,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """Those of the start that is kept, and the scores of all."""
        starts = self.candidates(len(x))
        return starts.find(x, mixture, code, seed=seed, pretrained=pretrained)
