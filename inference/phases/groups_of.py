"""A start from groups that anyone found: a clusterer, a function, or an array of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import Part, given, spelt
from .phase import Phase
from .start import Clusterer, Features, Start

StartLike = Start | Clusterer | Callable[..., Any] | str | None  # groups of a function, too


@dataclass(frozen=True, repr=False)
class GroupsOf(Start):
    """Groups that are there already, or of any clusterer: scikit-learn's, another's, or the zoo's.

    A clusterer is told K and a seed where it has arguments of those names (``n_clusters`` or
    ``n_components``, ``random_state``) and they were not given. One that is fitted already
    predicts, softly where it can say probabilities; otherwise a copy is fitted.

    Args:
        clusterer: an object with ``fit_predict``; a function from data to labels ``(N,)`` or to
            soft groups ``(N, K)``; or an array of such, a row for each datum of the fit: negative
            labels and rows of zeros are of no group. On the data an estimator of the zoo is given
            them in their own shape, anything else flattened.
        on: the ``"data"``, or the ``"code"``.

    Example:
        >>> from sklearn.cluster import AgglomerativeClustering
        >>> GroupsOf(AgglomerativeClustering(3)).groups(np.arange(6.0)[:, None], 3, seed=0)[:2]
        array([2, 2])
        >>> GroupsOf([1, 1, 0]).groups(np.zeros((3, 1)), 2, seed=0)
        array([1, 1, 0])
    """

    clusterer: Any
    on: str = "data"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.clusterer, list | tuple) or _is_array(self.clusterer):
            object.__setattr__(self, "clusterer", np.asarray(self.clusterer).copy())

    def features(self, x: Tensor, mixture: MixturePrior, code: Tensor) -> Features:
        """The data in their own shape for the zoo's estimators, else rows ``(N, F)``."""
        if self.on == "data" and getattr(self.clusterer, "kind", "") == "estimator":
            return x.cpu().numpy()
        return super().features(x, mixture, code)

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """What the clusterer says, ``(N,)`` or ``(N, K)``."""
        clusterer = self.clusterer
        if isinstance(clusterer, np.ndarray):
            return clusterer
        if not hasattr(clusterer, "fit_predict"):
            found: Features = clusterer(features)
            return found
        softly = hasattr(clusterer, "predict_proba")
        if not (_is_fitted(clusterer) and hasattr(clusterer, "predict")):
            clusterer = _told(clusterer, n_clusters, seed)
            if not softly:
                labels: Features = clusterer.fit_predict(features)
                return labels
            clusterer.fit(features)
        said = (clusterer.predict_proba if softly else clusterer.predict)(features)
        if isinstance(said, list):
            raise ValueError(
                f"{spelt(clusterer)} has {len(said)} clusterings: give the groups of one, as an "
                "array or by a function"
            )
        predicted: Features = said
        return predicted

    def of_rows(self, rows: NDArray[np.int64]) -> Self:
        """The groups of those rows, where they are an array."""
        given = isinstance(self.clusterer, np.ndarray)
        return replace(self, clusterer=self.clusterer[rows]) if given else self

    def check_length(self, n: int) -> None:
        """Refuse an array of groups that are not of N data."""
        if isinstance(self.clusterer, np.ndarray) and self.clusterer.shape[:1] != (n,):
            raise ValueError(
                f"start has groups of shape {self.clusterer.shape}, and X has {n} samples: give a "
                "label or a row of probabilities for each"
            )

    def check(self, model: MixtureVAE, guide: Guide, x: Tensor) -> None:
        """Refuse what is no clusterer, and groups given beforehand for several clusterings."""
        super().check(model, guide, x)
        clusterer, facets = self.clusterer, len(model.prior.mixtures)
        if isinstance(clusterer, np.ndarray):
            if facets > 1:
                raise ValueError(
                    f"start has the groups of one clustering, and the story has {facets}: give a "
                    "clusterer, which finds some for each"
                )
            if clusterer.ndim not in (1, 2):
                raise ValueError(
                    f"start has groups of shape {clusterer.shape}: give labels (N,) or soft groups "
                    "(N, K)"
                )
            return
        if isinstance(clusterer, type | Phase) or not (
            hasattr(clusterer, "fit_predict") or callable(clusterer)
        ):
            raise TypeError(
                f"clusterer is {spelt(clusterer)}: give an object with fit_predict, or a "
                "function from data to labels, or an array of groups"
            )


def as_start(argument: str, value: Any) -> Start:
    """A start, or one from the groups of a clusterer or a function.

    Args:
        argument: whose value it is, for the message.
        value: what a user gave.

    Raises:
        TypeError, ValueError: something else.
    """
    if hasattr(value, "fit_predict") or (callable(value) and not isinstance(value, type | Part)):
        value = GroupsOf(value)
    return given(argument, value, Start)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, type)


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
