"""Starts of the prior: mixtures and k-means, on the code or on the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, Positive
from ..prediction import encode
from ..training import Rows, doing
from .graph import principal_components
from .start import Features, Start

COVARIANCES = ("full", "diag", "tied")
FAR = 1000.0  # spreads
MANY = 20_000  # data above which a Gaussian mixture is fitted to an even subset


@dataclass(frozen=True, repr=False)
class GaussianMixtureStart(Start, alias="gmm"):
    """Groups of scikit-learn's Gaussian mixture on the code, each datum in its likeliest one.

    Args:
        covariance: ``"full"``, ``"diag"``, or ``"tied"``, one for all components.
        on: the ``"code"``, or the ``"data"``.
        n_components: principal components that it is fitted in, such as 30 on data of many
            features; ``None`` for the features as they are.

    Raises:
        ValueError: another covariance, or no component.
    """

    covariance: str = "full"
    on: str = "code"
    n_components: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.covariance not in COVARIANCES:
            raise ValueError(
                f"covariance is {self.covariance!r}: use one of {', '.join(COVARIANCES)}"
            )

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The likeliest component of each datum, ``(N,)``."""
        if self.n_components is not None:
            features = principal_components(features, self.n_components, seed)
        scaled = (features - offset(features)) / spread(features)
        mixture = gaussian_mixture(scaled, n_clusters, self.covariance, seed)
        labels: Features = mixture.predict(scaled)
        return labels


@dataclass(frozen=True, repr=False)
class KMeansStart(Start, alias="k-means"):
    """Groups of k-means.

    Args:
        on: the ``"code"``, or the ``"data"``.
    """

    on: str = "code"

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The nearest centre of each datum, ``(N,)``."""
        from sklearn.cluster import KMeans

        means = KMeans(n_clusters, n_init=10, random_state=seed)
        with doing(f"k-means of {len(features):,} data"):
            labels: Features = means.fit_predict(features)
        return labels


@dataclass(frozen=True, repr=False)
class ComponentMeans(Start):
    """The means of a diagonal Gaussian mixture fitted to the codes, as published for two models.

    Weights are uniform, and the posterior is let be. Variances of 0.01 make it MFCVAE's start, the
    fitted ones VaDE's.

    Args:
        variance: of every component; ``None`` takes those of the fitted mixture.

    Raises:
        ValueError: a variance that is not positive.

    References:
        Falck et al. (2021). arXiv 2106.05241, and the authors' code.
        Jiang et al. (2017). arXiv 1611.05148, and the authors' code.
    """

    variance: Positive | None = 0.01

    on = "code"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance is not None and not self.variance > 0:
            raise ValueError(f"variance is {self.variance}: use a positive number, or None")

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The likeliest component of each datum, ``(N,)``."""
        return GaussianMixtureStart("diag").groups(features, n_clusters, seed)

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Nothing: the components are put at means, and not where groups are."""
        return {}, {}

    def put(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        groups: Mapping[str, Tensor],
        *,
        seed: int = 0,
    ) -> None:
        """Put the components at the means, in place."""
        codes = encode(model, guide, x)
        for mixture in model.prior.mixtures:
            code = codes[mixture.site("z")].double().numpy()
            width, middle = spread(code), offset(code)
            found = gaussian_mixture(
                (code - middle) / width, mixture.n_clusters, "diag", seed % 2**32
            )
            variances = found.covariances_ * width**2
            if self.variance is not None:
                variances = np.full_like(variances, self.variance)
            cloud = _clouds(found.means_ * width + middle, variances)
            mixture.initialise(*(part.to(mixture.logits) for part in cloud))


def _clouds(means: Features, variances: Features) -> tuple[Tensor, Tensor]:
    """Points about means (K, D), and whose they are.

    Two points on each axis give every component its mean, its variances and the same weight.
    """
    n_clusters, dim = means.shape
    axes = np.sqrt(dim * variances)[:, None] * np.concatenate([np.eye(dim), -np.eye(dim)])
    points = means[:, None] + axes
    whose = np.repeat(np.eye(n_clusters), 2 * dim, 0)
    return torch.as_tensor(points.reshape(-1, dim)), torch.as_tensor(whose)


def spread(features: Features) -> float:
    """The mean standard deviation of the features, never zero."""
    return max(float(features.std(0).mean()), 1e-12)


def offset(features: Features) -> Features:
    """The means, of features so far from 0 that squares lose their differences; else zeros."""
    means: Features = features.mean(0)
    far = np.abs(means).max() > FAR * spread(features)
    return means if far else np.zeros_like(means)


def gaussian_mixture(features: Features, n_clusters: int, covariance: str, seed: int) -> Any:
    """Scikit-learn's mixture, fitted to an even subset of many data."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        n_clusters,
        covariance_type=covariance,
        n_init=10 if len(features) <= MANY else 3,
        reg_covar=1e-3,
        random_state=seed,
    )
    some = features[:: -(-len(features) // MANY)]
    try:
        with doing(f"Gaussian mixture of {len(some):,} data"):
            return mixture.fit(some)
    except ValueError as error:
        raise ValueError(
            f"no Gaussian mixture of {n_clusters} components can be fitted to these "
            f"{len(features)} data for the start: use another start, such as 'k-means', or fewer "
            "clusters"
        ) from error
