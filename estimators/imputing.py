"""Filling the gaps of data, as a method of a fitted estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from ..guides import Guide
from ..inference import Rows, imputation_moments, impute
from ..models import MixtureVAE
from ..parts import Count, checked
from .gaps import Missing


class Imputing:
    """Takes data with gaps, and fills them."""

    missing: Missing
    _as_given: Callable[..., Any]
    _as_numbers: Callable[..., Any]
    _given: Callable[..., tuple[MixtureVAE, Guide, Rows]]

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is told: whether NaN is taken."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    @checked
    def impute(
        self,
        X: ArrayLike,
        *,
        n_draws: Count | None = None,
        return_std: bool = False,
        num_samples: Count = 200,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """X with its gaps filled: by expectations given what is observed, or by draws.

        Args:
            X: data, ``(N, *event)``, NaN where not observed.
            n_draws: give so many draws in place of expectations; their quantiles are intervals.
            return_std: give the standard deviation of each value beside its expectation.
            num_samples: weighted draws of z for each datum.
            seed: same seed, same answer.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts, which have no totals where they have gaps.

        Returns:
            ``(N, *event)``; two such, expectations and deviations, or draws
            ``(n_draws, N, *event)``. What is observed is left as it is. Of a table by column they
            are tables; what stands for a category is the likeliest, which has no deviation (NaN).

        Raises:
            ValueError: both draws and deviations are asked for.
        """
        if return_std and n_draws is not None:
            raise ValueError(
                "n_draws and return_std are both given: draws spread by themselves, use one"
            )
        model, guide, x = self._given(X, covariates, size_factors)
        if return_std:
            found = imputation_moments(model, guide, x, num_samples=num_samples, seed=seed)
            mean, std = (each.numpy() for each in found)
            return self._as_given(mean, X), self._as_numbers(std, X)
        filled = impute(model, guide, x, n_draws, num_samples=num_samples, seed=seed)
        return self._as_given(filled.numpy(), X)
