"""GMVAE: components that are functions of a style vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from ..inference import (
    ClosedFormELBO,
    InformationFloor,
    Pretraining,
    StartLike,
    Term,
    Training,
)
from ..models import Bernoulli, HeteroscedasticNormal, StyleMixture
from ..networks import Convolutional, LadderNetworks, Networks, Perceptron
from ..parts import Count, Unbuilt, choose
from .base import DeepMixture
from .grouped import LATENT_DIM, START, TRAINING

PACE = Training(learning_rate=1e-4, learning_rate_decay=None, gradient_clip=None)
IMAGES: dict[str, Any] = {
    "n_clusters": 10,
    "latent_dim": 200,
    "prior": partial(StyleMixture, style_dim=150, hidden_dim=500),
    "likelihood": Bernoulli,
    "networks": Convolutional(),
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "mnist": {**IMAGES, "training": PACE.with_params(batch_size=50, max_epochs=100)},
    "svhn": {**IMAGES, "training": PACE.with_params(batch_size=128, max_epochs=100)},
    "synthetic": {
        "n_clusters": 8,
        "latent_dim": 2,
        "prior": partial(StyleMixture, style_dim=2, hidden_dim=100),
        "likelihood": HeteroscedasticNormal,
        "networks": Perceptron((100, 100)),
        "training": PACE.with_params(batch_size=200, max_epochs=500),
    },
}


@dataclass(kw_only=True, eq=False, repr=False)
class GMVAE(DeepMixture, alias="gmvae"):
    r"""Gaussian mixture VAE: the components are functions of a style vector w.

    .. math:: w \sim \mathcal N(0, I), \quad c \sim \operatorname{Cat}(1/K), \quad
        z \mid c, w \sim \mathcal N(\mu_c(w), \sigma_c^2(w)), \quad x \mid z \sim p(x \mid f(z))

    The paper's recipe is :meth:`published`. Its estimator of the conditional prior is
    ``objective=partial(ClosedFormELBO, expected_scores=True)``, which integrates z a second time, a
    looser bound. Without a start on small data,
    ``{"z": partial(GaussianHead, log_scale=-2.0), "w": GaussianHead}`` as the posterior keeps the
    code from drowning in noise.

    Args:
        **parts: those of :class:`DeepMixture`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from pyromix.inference import Training
        >>> X = load_digits().data[:200] / 16
        >>> gmvae = GMVAE(n_clusters=10, start=None, training=Training(max_epochs=2))
        >>> gmvae.fit(X).predict(X).shape
        (200,)

    References:
        Dilokthanakul et al. (2016). Deep Unsupervised Clustering with Gaussian Mixture Variational
        Autoencoders. arXiv 1611.02648.
    """

    latent_dim: Count | tuple[Count, ...] = LATENT_DIM
    prior: Unbuilt | Sequence[Unbuilt] = partial(StyleMixture, style_dim=4, hidden_dim=64)
    networks: Networks | LadderNetworks | str = Perceptron(large=(500, 500), batch_norm=True)
    terms: Sequence[Term] = (InformationFloor(0.5),)
    pretraining: Pretraining | str | None = None
    start: StartLike = START
    training: Training = TRAINING

    @classmethod
    def published(
        cls, data: str = "mnist", *, n_clusters: int | None = None, num_particles: int = 1
    ) -> Self:
        """The paper's recipe for one of its data sets, by the authors' code, unfitted.

        ``"mnist"`` and ``"svhn"`` are images (1, 28, 28) and (3, 32, 32) in [0, 1], with the
        paper's convolutions and a Bernoulli; ``"synthetic"`` has two features, perceptrons, and a
        Gaussian whose variances the decoder gives too. Networks, dimensions, estimator, floor,
        batches and epochs are theirs; there is no pretraining and no start. What differs:

        - above the floor their code turns the sign of the gradient that reaches the
          responsibilities by the conditional prior; here it is the gradient of the objective;
        - log-variances of the components are within ±8, theirs anything, and heads give log-scales,
          theirs log-variances; BatchNorm's weights start at 1, Torch7's as uniform draws;
        - of their two scripts for synthetic data the one with sizes has another objective, with an
          information weight in place of the floor, and BatchNorm in the encoder alone, which is
          left out here;
        - K of the paper's samples of SVHN and its epochs are not known to us: 10 and 100 are
          MNIST's; a last batch of less than half the rows (SVHN) is left out of an epoch;
        - they predict at the posterior means of z and w; :meth:`predict` averages over draws. Their
          accuracy, the label of each cluster's most confident example for the whole cluster, is
          :func:`pyromix.evaluation.most_confident_accuracy`.

        Args:
            data: ``"mnist"``, ``"svhn"`` or ``"synthetic"``.
            n_clusters: K; ``None``: 10 for images and 8 for synthetic data. The paper's table of
                MNIST has 10, 16 and 30.
            num_particles: Monte Carlo samples M, 1 or 10 in the table.

        Raises:
            ValueError: another data set.

        Example:
            >>> GMVAE.published("svhn").build((3, 32, 32))[0](n=2).shape
            torch.Size([2, 3, 32, 32])
        """
        recipe = choose("data", data, PUBLISHED)
        if n_clusters is not None:
            recipe = {**recipe, "n_clusters": n_clusters}
        return cls(
            **recipe,
            objective=partial(ClosedFormELBO, num_particles=num_particles, expected_scores=True),
            terms=(InformationFloor(0.5),),
            pretraining=None,
            start=None,
        )
