"""Starts of the prior: mixtures and k-means on the code, and any clusterer's groups."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import spelt
from ..prediction import encode
from .phase import Phase
from .start import Clusterer, Features, Start

COVARIANCES = ("full", "diag", "tied")
StartLike = Start | Clusterer | Callable[..., Any] | str | None  # groups of a function, too
MANY = 20_000  # data above which a Gaussian mixture is fitted to an even subset


@dataclass(frozen=True, repr=False)
class GaussianMixtureStart(Start, alias="gmm"):
    """Groups of scikit-learn's Gaussian mixture on the code, each datum in its likeliest one.

    Args:
        covariance: ``"full"``, ``"diag"``, or ``"tied"``, one for all components.
        on: the ``"code"``, or the ``"data"``.

    Raises:
        ValueError: another covariance.
    """

    covariance: str = "full"
    on: str = "code"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.covariance not in COVARIANCES:
            raise ValueError(
                f"covariance is {self.covariance!r}: use one of {', '.join(COVARIANCES)}"
            )

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The likeliest component of each datum, ``(N,)``."""
        scaled = features / spread(features)
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
        means = KMeans(n_clusters, n_init=10, random_state=seed)
        labels: Features = means.fit_predict(features)
        return labels


@dataclass(frozen=True, repr=False)
class GroupsOf(Start):
    """Groups of any clusterer: scikit-learn's, another library's, or an estimator of the zoo.

    It is told K and a seed where it has arguments of those names (``n_clusters`` or
    ``n_components``, ``random_state``) and they were not given. One that is fitted already
    predicts; otherwise a copy is fitted.

    Args:
        clusterer: an object with ``fit_predict``, or a function from data to labels ``(N,)`` or to
            soft groups ``(N, K)``. On the data an estimator of the zoo is given them in their own
            shape, anything else flattened.
        on: the ``"data"``, or the ``"code"``.

    Example:
        >>> from sklearn.cluster import AgglomerativeClustering
        >>> GroupsOf(AgglomerativeClustering(3)).groups(np.arange(6.0)[:, None], 3, seed=0)[:2]
        array([2, 2])
    """

    clusterer: Any
    on: str = "data"

    def features(self, x: Tensor, mixture: MixturePrior, code: Tensor) -> Features:
        """The data in their own shape for the zoo's estimators, else rows ``(N, F)``."""
        if self.on == "data" and getattr(self.clusterer, "kind", "") == "estimator":
            return x.cpu().numpy()
        return super().features(x, mixture, code)

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """What the clusterer says, ``(N,)`` or ``(N, K)``."""
        if not hasattr(self.clusterer, "fit_predict"):
            found: Features = self.clusterer(features)
            return found
        fitted = _is_fitted(self.clusterer) and hasattr(self.clusterer, "predict")
        labels: Features = (
            self.clusterer.predict(features)
            if fitted
            else _told(self.clusterer, n_clusters, seed).fit_predict(features)
        )
        return labels

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse what is no clusterer."""
        super().check(model, guide, x)
        clusterer = self.clusterer
        if isinstance(clusterer, type | Phase) or not (
            hasattr(clusterer, "fit_predict") or callable(clusterer)
        ):
            raise TypeError(
                f"clusterer is {spelt(clusterer)}: give an object with fit_predict, or a function "
                "from data to labels"
            )


def _is_fitted(clusterer: Any) -> bool:
    try:
        check_is_fitted(clusterer)
    except (NotFittedError, TypeError):  # the latter of what is no estimator of scikit-learn's
        return False
    return True


def _told(clusterer: Any, n_clusters: int, seed: int) -> Any:
    """A copy that knows K and a seed where its owner left them open."""
    if not hasattr(clusterer, "get_params"):
        return clusterer
    usual = inspect.signature(type(clusterer)).parameters
    given = clusterer.get_params(deep=False).items()
    open_ = {name for name, value in given if name in usual and value is usual[name].default}
    told = {"n_clusters": n_clusters, "n_components": n_clusters, "random_state": seed}
    return clone(clusterer).set_params(**{name: told[name] for name in open_ & told.keys()})


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

    variance: float | None = 0.01

    on = "code"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance is not None and not self.variance > 0:
            raise ValueError(f"variance is {self.variance}: use a positive number, or None")

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """The likeliest component of each datum, ``(N,)``."""
        return GaussianMixtureStart("diag").groups(features, n_clusters, seed)

    def begin(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> dict[str, float]:
        """Put the components at the means, in place."""
        codes = encode(model, guide, x)
        for mixture in model.prior.mixtures:
            code = codes[mixture.site("z")].double().numpy()
            width = spread(code)
            found = gaussian_mixture(code / width, mixture.n_clusters, "diag", seed % 2**32)
            variances = found.covariances_ * width**2
            if self.variance is not None:
                variances = np.full_like(variances, self.variance)
            cloud = _clouds(found.means_ * width, variances)
            mixture.initialise(*(part.to(mixture.logits) for part in cloud))
        return {}


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


def gaussian_mixture(
    features: Features, n_clusters: int, covariance: str, seed: int
) -> GaussianMixture:
    """Scikit-learn's mixture, fitted to an even subset of many data."""
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=covariance,
        n_init=10 if len(features) <= MANY else 3,
        reg_covar=1e-3,
        random_state=seed,
    )
    return mixture.fit(features[:: -(-len(features) // MANY)])
