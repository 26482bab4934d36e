"""What a fitted estimator says of data: scikit-learn's surface and the generative answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..inference import (
    Rows,
    bound_samples,
    importance_weighted_bound,
    to_arviz,
)
from ..parts import Count, Natural, checked
from .fitted import Array, Labels
from .generating import Generates
from .imputing import Imputing
from .predicting import Predicts
from .reading import refuse_what_overflows
from .weighting import read_weights
from .writing import Out, answered


class Answers(Imputing, Predicts, Generates):
    """The methods of a fitted estimator; several facets have a list, or a column, each."""

    def predict(
        self,
        X: Any,
        *,
        covariates: object = None,
        size_factors: object = None,
        out: Out = None,
    ) -> Labels:
        """The likeliest cluster of each datum, ``(N,)``; of each facet, ``(N, J)``.

        Args:
            X: data, ``(N, *event)``, or what they are read from, as in :meth:`fit`.
            covariates: of the rows, where the fit had some: the same columns.
            size_factors: of the rows of counts; ``None``: their totals.
            out: where the answer is put as it comes: an array of its shape, or a path that ends in
                ``.npy`` or ``.parquet``.

        Raises:
            TypeError, ValueError: names the argument, what came and what would do.
        """
        told = {"covariates": covariates, "size_factors": size_factors}
        labels: Labels = answered(self._labels, X, self._rows, told, out, "label")
        return labels

    @checked
    def predict_proba(
        self,
        X: Any,
        *,
        num_samples: Natural | None = None,
        covariates: object = None,
        size_factors: object = None,
        out: Out = None,
    ) -> Any:
        """The probabilities of the clusters, ``(N, K)``, rows summing to one; a list by facet.

        Under the ``"marginal"`` rule they are p(c | x), by importance weights where decoding is
        cheap; :func:`pyromix.inference.responsibilities` says which law each rule reports.

        Args:
            X: data, ``(N, *event)``.
            num_samples: weighted draws for each datum; ``None``: as many as decoding allows, 0:
                the guide's own average, which is over-confident where the guide is.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
            out: as in :meth:`predict`.
        """

        def assign(rows: Rows) -> Any:
            return self._by_facet(self._gammas(rows, num_samples))

        told = {"covariates": covariates, "size_factors": size_factors}
        return answered(assign, X, self._rows, told, out, "probability")

    @checked
    def transform(
        self,
        X: Any,
        *,
        site: str = "z",
        covariates: object = None,
        size_factors: object = None,
        out: Out = None,
    ) -> Any:
        """The posterior mean of a latent, ``(N, D)``; a list by facet.

        Args:
            X: data, ``(N, *event)``.
            site: ``"z"``, or ``"w"``, the style of GMVAE.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
            out: as in :meth:`predict`.

        Raises:
            ValueError: a latent that the story does not have.
        """

        def infer(rows: Rows) -> Any:
            return self._by_facet([code.numpy() for code in self._codes(rows, site)])

        told = {"covariates": covariates, "size_factors": size_factors}
        return answered(infer, X, self._rows, told, out, site)

    @checked
    def to_arviz(
        self,
        X: ArrayLike,
        *,
        n: Count = 100,
        var_names: Iterable[str] | None = None,
        coords: Mapping[str, Sequence[Any]] | None = None,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """Prior, posterior, posterior predictive, observed data and log-likelihood of X for ArviZ.

        Args:
            X: data, ``(N, *event)``.
            n: number of draws.
            var_names: which variables to keep; ``None``: all.
            coords: names along dims; those of features are known where X had names.
            seed: same seed, same draws.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.

        Raises:
            ValueError: an unknown variable, or more numbers than fit in memory.
        """
        model, guide, rows = self._given(X, covariates, size_factors)
        names = getattr(self, "feature_names_in_", ())
        known = {"x_dim_0": names} if model.likelihood.event_shape == (len(names),) else {}
        named = {**known, **(coords or {})}
        return to_arviz(model, guide, rows, n=n, var_names=var_names, coords=named, seed=seed)

    @checked
    def score_samples(
        self,
        X: Any,
        *,
        num_samples: Count | None = None,
        covariates: object = None,
        size_factors: object = None,
        out: Out = None,
    ) -> Array:
        """A lower bound on log p(x) of each datum in nats, ``(N,)``: importance-weighted.

        Args:
            X: data, ``(N, *event)``.
            num_samples: draws of z for each datum; ``None``: 100, or as many as 1e9 operations of
                the decoder allow and no fewer than 10.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
            out: as in :meth:`predict`.
        """

        def weigh(rows: Rows) -> Array:
            model, guide = self.model_, self.guide_
            n = bound_samples(model, guide, rows) if num_samples is None else num_samples
            found = importance_weighted_bound(model, guide, rows, num_samples=n).numpy()
            refuse_what_overflows(rows.x, found)
            return found

        told = {"covariates": covariates, "size_factors": size_factors}
        bound: Array = answered(weigh, X, self._rows, told, out, "score")
        return bound

    def score(
        self,
        X: Any,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        covariates: object = None,
        size_factors: object = None,
    ) -> float:
        """The mean of :meth:`score_samples`, by weights if there are any, in nats per datum."""
        found = self.score_samples(X, covariates=covariates, size_factors=size_factors)
        return float(np.average(found, weights=read_weights(sample_weight, len(found))))
