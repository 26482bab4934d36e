"""MFCVAE: several clusterings of the same data at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from ..inference import (
    ComponentMeans,
    Pretraining,
    Progressive,
    StartLike,
    Training,
)
from ..models import Bernoulli, GaussianMixture, Normal
from ..networks import (
    ConvolutionalLadder,
    LadderByShape,
    LadderNetworks,
    Networks,
    PerceptronLadder,
)
from ..parts import Count, choose
from .base import DeepMixture
from .fitted import Array
from .grouped import LATENT_DIM, START, TRAINING

PACE = Training(max_epochs=401, learning_rate=5e-4, learning_rate_decay=None, gradient_clip=None)
IMAGES: dict[str, Any] = {
    "prior": partial(GaussianMixture, covariance="full", learn_weights=False),
    "networks": ConvolutionalLadder(output_norm=True, rung_norm=True, weight_norm=True),
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "mnist": {
        "n_clusters": (25, 25),
        "latent_dim": (5, 5),
        "prior": GaussianMixture,
        "likelihood": Bernoulli,
        "networks": PerceptronLadder((500, 2000)),
        "training": PACE.with_params(batch_size=512, during=(Progressive((200,), 15_000),)),
    },
    "shapes3d": {
        **IMAGES,
        "n_clusters": (60, 20),
        "latent_dim": (20, 2),
        "likelihood": partial(Normal, scale=0.6),
        "training": PACE.with_params(
            batch_size=150, learning_rate=3e-4, during=(Progressive((100,), 2000),)
        ),
    },
    "svhn": {
        **IMAGES,
        "n_clusters": (200, 50),
        "latent_dim": (22, 7),
        "likelihood": partial(Normal, scale=0.3, sigmoid=True),
        "training": PACE.with_params(batch_size=150, during=(Progressive((100,), 15_000),)),
    },
}


@dataclass(kw_only=True, eq=False, repr=False)
class MFCVAE(DeepMixture, alias="mfcvae"):
    r"""Multi-facet clustering VAE: J clusterings of the same data, each on a rung of a ladder.

    .. math:: c_j \sim \operatorname{Cat}(\pi_j), \quad
        z_j \mid c_j \sim \mathcal N(\mu_{c_j}, \Sigma_{c_j}) \quad (j = 1 \dots J), \qquad
        x \mid z_1 \dots z_J \sim p(x \mid f(z_1, \dots, z_J))

    Whatever is given by facet has the shallowest facet first, which sees the least of the network;
    a single value stands for all facets. Each facet is taught groups of its own, which a start
    finds apart from the others' (:class:`AutoStart`), and then trained by the plain bound. That is
    ours; in the paper the deepest facet is trained alone at first, and the others are faded in
    (:meth:`published`): ``start=ComponentMeans()`` and ``during=(Progressive(), Refit())`` of the
    training, with a few hundred epochs. β by facet is
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

    n_clusters: Count | tuple[Count, ...] | Literal["auto"] = (25, 25)
    latent_dim: Count | tuple[Count, ...] = LATENT_DIM
    networks: Networks | LadderNetworks | str = LadderByShape(
        PerceptronLadder(batch_norm=True), ConvolutionalLadder(channels=16)
    )
    pretraining: Pretraining | str | None = None
    start: StartLike = START
    training: Training = TRAINING

    @classmethod
    def published(cls, data: str = "mnist") -> Self:
        """The paper's recipe for one of its data sets, by the authors' code, unfitted.

        ``"mnist"`` has flattened images, ``"shapes3d"`` and ``"svhn"`` images (3, 32, 32), all in
        [0, 1]. Networks, K, D, covariances, weights, likelihood, start, batches, rates and the
        fading of facets are theirs; the first of their 402 epochs trains nothing, so there are 401,
        and the second facet joins after 200 (MNIST) or 100 (the others). What differs:

        - the entropy of q(z | x) is closed, theirs taken at the sample: the same bound, less noise;
        - they scale the layers of the convolutional ladders by their outputs for a first batch;
          here these start as torch's do;
        - the means at the start are those of the best of several Gaussian mixtures, fitted to
          20,000 codes at most; theirs of one fitted to all;
        - scales of components are exponentials within e^±6, theirs a softplus; heads give
          log-scales within ±5, theirs log-variances;
        - a last batch of less than half the rows (MNIST, SVHN) is left out of an epoch;
        - they predict at the posterior means; :meth:`predict` averages over draws.

        Args:
            data: ``"mnist"``, ``"shapes3d"`` or ``"svhn"``.

        Raises:
            ValueError: another data set.

        Example:
            >>> MFCVAE.published("shapes3d").build((3, 32, 32))[0](n=2).shape
            torch.Size([2, 3, 32, 32])
        """
        return cls(**choose("data", data, PUBLISHED), pretraining=None, start=ComponentMeans())

    def swap(
        self,
        x_a: ArrayLike,
        x_b: ArrayLike,
        facets: Sequence[int] = (0,),
        *,
        covariates: object = None,
        size_factors: object = None,
    ) -> Array:
        """What x_a looks like with some facets of x_b: decoded posterior means, ``(N, *event)``.

        Args:
            x_a: data, ``(N, *event)``.
            x_b: as many others.
            facets: the facets to take from x_b.
            covariates: of both, and of what is decoded, where the fit had some.
            size_factors: of x_a and of what is decoded; ``None``: the totals of x_a.

        Raises:
            ValueError: another number of data, or a facet that there is none of.
        """
        rows = self._rows(x_a, covariates, size_factors)
        ours, theirs = self._codes(rows), self._codes(self._rows(x_b, covariates))
        if len(ours[0]) != len(theirs[0]):
            raise ValueError(
                f"x_a has {len(ours[0])} samples and x_b {len(theirs[0])}: give as many of both"
            )
        if not set(facets) <= set(range(len(ours))):
            raise ValueError(f"facets is {tuple(facets)}: use numbers from 0 to {len(ours) - 1}")
        pairs = enumerate(zip(ours, theirs, strict=True))
        chosen = [its if facet in facets else own for facet, (own, its) in pairs]
        return self._decode(chosen, rows.companions)
