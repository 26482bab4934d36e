"""MFCVAE: several clusterings of the same data at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from ..inference import (
    Budget,
    ComponentMeans,
    Pretraining,
    Progressive,
    Refit,
    Training,
)
from ..networks import LadderByShape, Networks
from .answers import Array
from .base import DeepMixture


@dataclass(kw_only=True, eq=False, repr=False)
class MFCVAE(DeepMixture, alias="mfcvae"):
    r"""Multi-facet clustering VAE: J clusterings of the same data, each on a rung of a ladder.

    .. math:: c_j \sim \operatorname{Cat}(\pi_j), \quad
        z_j \mid c_j \sim \mathcal N(\mu_{c_j}, \Sigma_{c_j}) \quad (j = 1 \dots J), \qquad
        x \mid z_1 \dots z_J \sim p(x \mid f(z_1, \dots, z_J))

    Whatever is given by facet has the shallowest facet first, which sees the least of the network;
    a single value stands for all facets. The deepest facet is trained alone at first, and the
    others are faded in; each mixture is fitted to its codes anew on the way, which is ours and not
    the paper's: ``training__during=(Progressive(),)`` leaves it out. β by facet is
    ``objective=partial(ClosedFormELBO, kl_weight=(1.0, 2.0))``, and a term that looks at some
    facets' clusters alone is ``OnFacets(term, (1,))``.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> mfcvae = MFCVAE(n_clusters=(10, 4), latent_dim=(5, 2))
        >>> mfcvae.set_params(training__max_epochs=3).fit(X).predict(X).shape
        (200, 2)
        >>> [gamma.shape for gamma in mfcvae.predict_proba(X)]
        [(200, 10), (200, 4)]
        >>> mfcvae.sample(5, cluster=(3, None))[0].shape
        (5, 64)

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """

    n_clusters: int | tuple[int, ...] = (25, 25)
    latent_dim: int | tuple[int, ...] = 5
    networks: Networks | str = LadderByShape()
    pretraining: Pretraining | str | None = None
    start: Any = ComponentMeans()
    training: Training = Training(
        max_epochs=Budget(10_000, least=40, most=400),
        learning_rate=5e-4,
        learning_rate_decay=None,
        during=(Progressive(), Refit()),
    )

    def swap(self, x_a: ArrayLike, x_b: ArrayLike, facets: Sequence[int] = (0,)) -> Array:
        """What x_a looks like with some facets of x_b: decoded posterior means, ``(N, *event)``.

        Args:
            x_a: data, ``(N, *event)``.
            x_b: as many others.
            facets: the facets to take from x_b.

        Raises:
            ValueError: another number of data, or a facet that there is none of.
        """
        ours, theirs = self._codes(x_a), self._codes(x_b)
        if len(ours[0]) != len(theirs[0]):
            raise ValueError(
                f"x_a has {len(ours[0])} samples and x_b {len(theirs[0])}: give as many of both"
            )
        if not set(facets) <= set(range(len(ours))):
            raise ValueError(f"facets is {tuple(facets)}: use numbers from 0 to {len(ours) - 1}")
        pairs = enumerate(zip(ours, theirs, strict=True))
        return self._decode([its if facet in facets else own for facet, (own, its) in pairs])
