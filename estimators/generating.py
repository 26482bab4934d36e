"""What a fitted estimator makes: samples, replicates, reconstructions and counterfactuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ..inference import (
    posterior_predictive,
    reconstruct,
    sample,
)
from ..parts import Count, checked
from .fitted import Fitted, Labels
from .reading import read_codes, refuse_what_overflows


class Generates(Fitted):
    """Data from the story, and from the codes of other data."""

    def inverse_transform(
        self, Z: Any, *, covariates: object = None, size_factors: object = None
    ) -> Any:
        """E[x | z]: ``(N, D)``, or a list of such by facet, to ``(N, *event)``.

        Of a table by column it is a table: numbers are expectations, rounded where the type is of
        whole ones, and a category is the likeliest.

        Args:
            Z: codes.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: drawn as those of the fit were.

        Raises:
            ValueError, TypeError: codes of another shape, or that are no numbers.
        """
        check_is_fitted(self)
        codes = [read_codes(code) for code in ([Z] if self._lone else Z)]
        shapes = [tuple(code.shape) for code in codes]
        wanted = [mixture.latent_dim for mixture in self._mixtures]
        if any(len(shape) != 2 for shape in shapes) or shapes != [
            (len(codes[0]), dim) for dim in wanted
        ]:
            if self._lone:
                raise ValueError(f"Z has shape {shapes[0]}: use (N, {wanted[0]})")
            raise ValueError(f"Z has shapes {shapes}: use (N, D) with D {tuple(wanted)} by facet")
        companions = self._drawn_with(len(codes[0]), covariates, size_factors, 0)
        return self._as_given(self._decode(codes, companions), Z)

    def reconstruct(
        self, X: ArrayLike, *, covariates: object = None, size_factors: object = None
    ) -> Any:
        """E[x' | z] at the posterior mean of z, ``(N, *event)``; of a table by column a table.

        Args:
            X: data, ``(N, *event)``.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
        """
        model, guide, rows = self._given(X, covariates, size_factors)
        means = reconstruct(model, guide, rows).numpy()
        refuse_what_overflows(rows.x, means)
        return self._as_given(means, X)

    def transfer(
        self,
        X: ArrayLike,
        to: object,
        *,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """What data would be with other covariates: E[x' | z, to] at the posterior mean of z.

        Args:
            X: data, ``(N, *event)``.
            to: the covariates of x': a frame or an array as in the fit, or a mapping of some
                columns to their values, or to one value for all rows; the others stay.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.

        Returns:
            ``(N, *event)``.

        Raises:
            TypeError, ValueError: the fit had no covariates, or others.
        """
        model, guide, rows = self._given(X, covariates, size_factors)
        known = self.covariates_
        if known is None:
            raise ValueError("the fit had no covariates, so there are none to transfer to")
        own = rows.companions["covariates"]
        other = {"covariates": known.encode(to, len(rows), own).to(own)}
        means = reconstruct(model, guide, rows, companions=other).numpy()
        refuse_what_overflows(rows.x, means)
        return self._as_given(means, X)

    @checked
    def sample(
        self,
        n_samples: Count = 1,
        *,
        cluster: int | Sequence[int | None] | None = None,
        w: ArrayLike | None = None,
        mean: bool = False,
        covariates: object = None,
        size_factors: object = None,
        seed: int = 0,
    ) -> tuple[Any, Labels]:
        """Draw data and the cluster of each from the story.

        Args:
            n_samples: how many.
            cluster: the cluster to draw from, by facet where there are several (``None`` lets a
                facet vary); by default clusters are drawn from p(c).
            w: the style of all, ``(W,)``, or of each, ``(n_samples, W)``, of GMVAE.
            mean: give E[x | z] in place of a draw of x; for pictures.
            covariates: of each datum, where the fit had some; a mapping may have one value for all.
            size_factors: of each datum, or of all; ``None``: drawn as those of the fit were.
            seed: same seed, same data.

        Returns:
            ``(n_samples, *event)``, of a table by column a table, and ``(n_samples,)`` or
            ``(n_samples, J)``.
        """
        check_is_fitted(self)
        styles = None if w is None else torch.as_tensor(np.asarray(w))
        if styles is not None and styles.dim() == 1:
            styles = styles.expand(n_samples, -1)
        companions = self._drawn_with(n_samples, covariates, size_factors, seed)
        x, drawn = sample(
            self.model_,
            n_samples,
            cluster=cluster,
            w=styles,
            mean=mean,
            companions=companions,
            seed=seed,
        )
        clusters = [drawn[mixture.site("c")].numpy() for mixture in self._mixtures]
        return self._as_given(x.numpy()), self._columns(clusters)

    @checked
    def posterior_predictive(
        self,
        X: ArrayLike,
        n: Count = 1,
        *,
        seed: int = 0,
        covariates: object = None,
        size_factors: object = None,
    ) -> Any:
        """Replicates of each datum, z from q(z | x), x' from p(x' | z): ``(n, N, *event)``.

        Of a table by column it is a table of them all, the draw and the row in its index.

        Args:
            X: data, ``(N, *event)``.
            n: replicates of each.
            seed: same seed, same replicates.
            covariates: of the rows, where the fit had some.
            size_factors: of the rows of counts; ``None``: their totals.
        """
        model, guide, rows = self._given(X, covariates, size_factors)
        drawn = posterior_predictive(model, guide, rows, n, seed=seed).numpy()
        refuse_what_overflows(rows.x, drawn.swapaxes(0, 1))
        return self._as_given(drawn, X)
