"""What a fitted estimator predicts, before data and after: draws, spreads, ways between data."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ..inference import (
    Spread,
    interpolate,
    posterior_draws,
    prior_predictive,
    responsibility_spread,
)
from ..parts import Count, Share, checked
from .fitted import Array, Fitted
from .reading import refuse_what_overflows


class Predicts(Fitted):
    """Draws of everything, of the story alone and of it given data."""

    @checked
    def interpolate(
        self,
        X: ArrayLike,
        other: ArrayLike,
        *,
        steps: Count = 9,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """The data between data, along the geodesic of the latent space: ``(steps, N, *event)``.

        On the sphere that is a great circle, of positive codes it is straight in log z, else it is
        straight. Of a table by column it is a table of all steps.

        Args:
            X: where the ways begin, ``(N, *event)``.
            other: where they end, as many.
            steps: points on each way, both ends among them.
            covariates: of the rows, where the fit had some; they stay on the way.
            size_factors: of the rows of counts; ``None``: the totals of ``X``.

        Raises:
            ValueError: data that are no pairs.
        """
        model, guide, begin = self._given(X, covariates, size_factors)
        end = self._rows(other, covariates, size_factors)
        way = interpolate(model, guide, begin, end, steps=steps).numpy()
        refuse_what_overflows(begin.x, way.swapaxes(0, 1))
        return self._as_given(way, X)

    @checked
    def responsibility_spread(
        self,
        X: ArrayLike,
        *,
        n: Count = 200,
        level: Share = 0.9,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """How far the probabilities of clusters depend on where z is, from n draws of it.

        Args:
            X: data, ``(N, *event)``.
            n: draws of z.
            level: mass of the central interval.
            seed: same seed, same draws.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.

        Returns:
            ``mean``, ``sd``, ``lower`` and ``upper``, ``(N, K)`` each; a list of such by facet.
        """
        given = self._given(X, covariates, size_factors)
        found = responsibility_spread(*given, n=n, level=level, seed=seed)
        spreads = [found[mixture.site("c")] for mixture in self._mixtures]
        return self._by_facet([Spread(*(each.numpy() for each in one)) for one in spreads])  # type: ignore[arg-type, misc]

    @checked
    def posterior_draws(
        self,
        X: ArrayLike,
        n: Count = 100,
        *,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> dict[str, Array]:
        """Draws of latents and clusters given data, by site: ``(n, N, D)`` and ``(n, N)``.

        Args:
            X: data, ``(N, *event)``.
            n: draws of each.
            seed: same seed, same draws.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
        """
        given = self._given(X, covariates, size_factors)
        drawn = posterior_draws(*given, n, seed=seed)
        return {site: value.numpy() for site, value in drawn.items()}

    @checked
    def prior_predictive(
        self,
        n_samples: Count = 1000,
        *,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> dict[str, Any]:
        """Clusters, latents and data from the story alone, by site; ``x`` is as the fit's data.

        Args:
            n_samples: how many.
            seed: same seed, same draws.
            covariates: of each datum, where the fit had some.
            size_factors: of each datum; ``None``: drawn as those of the fit were.
        """
        check_is_fitted(self)
        companions = self._drawn_with(n_samples, covariates, size_factors, seed)
        drawn = prior_predictive(self.model_, n_samples, companions=companions, seed=seed)
        found = {site: value.numpy() for site, value in drawn.items()}
        return {**found, "x": self._as_given(found["x"])}
