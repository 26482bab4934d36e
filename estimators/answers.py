"""What a fitted estimator says of data: scikit-learn's surface and the generative answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..guides import Guide
from ..inference import (
    decode,
    encode,
    importance_weighted_bound,
    posterior_predictive,
    reconstruct,
    responsibilities,
    sample,
    to_arviz,
)
from ..inference.training.devices import Precision
from ..models import MixturePrior, MixtureVAE
from ..parts import Count, Natural, checked
from .counting import Counting
from .gaps import check_gaps
from .imputing import Imputing
from .reading import read_codes, read_numbers, refuse_what_overflows
from .tables import Tables

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


class Answers(Tables, Imputing, Counting, TransformerMixin):
    """The methods of a fitted estimator; several facets have a list, or a column, each."""

    precision: Precision
    model_: MixtureVAE
    guide_: Guide

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _check(self, X: ArrayLike, *, reset: bool = False) -> Tensor:
        if not reset:
            check_is_fitted(self)
        table = self._codes_of(X, fitting=reset)
        if table is None and not reset:
            self._check_shape(tuple(getattr(X, "shape", ())))
        if table is None:
            x = read_numbers(self, X, reset=reset, wide=self.precision == "64-true")
        else:
            check_gaps(self, table, fitting=reset)
            x = torch.from_numpy(table)
        if not reset:
            self._check_shape(tuple(x.shape))
            self.model_.likelihood.check(x)
        return x

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse data of another shape; of two tables scikit-learn tells the numbers."""
        fitted = self.model_.likelihood.event_shape
        if len(shape) > 1 and shape[1:] != fitted and not len(shape) == len(fitted) + 1 == 2:
            raise ValueError(
                f"X has data of shape {shape[1:]}, and {type(self).__name__} was fitted on {fitted}"
            )

    def _given(self, X: ArrayLike) -> tuple[MixtureVAE, Guide, Tensor]:
        x = self._check(X)
        return self.model_, self.guide_, x

    @property
    def _mixtures(self) -> tuple[MixturePrior, ...]:
        return self.model_.prior.mixtures

    def _by_facet(self, each: list[Array]) -> Any:
        """A list for several facets, and the lone array of one clustering."""
        return each[0] if self._lone else each

    def _columns(self, each: list[Labels]) -> Labels:
        """A column for each of several facets, and the lone labels of one clustering."""
        return each[0] if self._lone else np.stack(each, -1)

    def _gammas(self, x: Tensor, num_samples: int | None = None) -> list[Array]:
        found = responsibilities(self.model_, self.guide_, x, num_samples=num_samples)
        gammas = [found[mixture.site("c")].numpy() for mixture in self._mixtures]
        refuse_what_overflows(x, *gammas)
        return gammas

    def _labels(self, x: Tensor) -> Labels:
        return self._columns([gamma.argmax(-1) for gamma in self._gammas(x)])

    def predict(self, X: ArrayLike) -> Labels:
        """The likeliest cluster of each datum, ``(N,)``; of each facet, ``(N, J)``."""
        return self._labels(self._check(X))

    @checked
    def predict_proba(self, X: ArrayLike, *, num_samples: Natural | None = None) -> Any:
        """The probabilities of the clusters, ``(N, K)``, rows summing to one; a list by facet.

        Under the ``"marginal"`` rule they are p(c | x), by importance weights where decoding is
        cheap; :func:`pyromix.inference.responsibilities` says which law each rule reports.

        Args:
            X: data, ``(N, *event)``.
            num_samples: weighted draws for each datum; ``None``: as many as decoding allows, 0:
                the guide's own average, which is over-confident where the guide is.
        """
        return self._by_facet(self._gammas(self._check(X), num_samples))

    @checked
    def transform(self, X: ArrayLike, *, site: str = "z") -> Any:
        """The posterior mean of a latent, ``(N, D)``; a list by facet.

        Args:
            X: data, ``(N, *event)``.
            site: ``"z"``, or ``"w"``, the style of GMVAE.

        Raises:
            ValueError: a latent that the story does not have.
        """
        return self._by_facet([code.numpy() for code in self._codes(X, site)])

    def inverse_transform(self, Z: Any) -> Any:
        """E[x | z]: ``(N, D)``, or a list of such by facet, to ``(N, *event)``.

        Of a table by column it is a table: numbers are expectations, rounded where the type is of
        whole ones, and a category is the likeliest.

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
        return self._as_given(self._decode(codes), Z)

    def reconstruct(self, X: ArrayLike) -> Any:
        """E[x' | z] at the posterior mean of z, ``(N, *event)``; of a table by column a table."""
        model, guide, x = self._given(X)
        means = reconstruct(model, guide, x).numpy()
        refuse_what_overflows(x, means)
        return self._as_given(means, X)

    @checked
    def sample(
        self,
        n_samples: Count = 1,
        *,
        cluster: int | Sequence[int | None] | None = None,
        w: ArrayLike | None = None,
        mean: bool = False,
        seed: int = 0,
    ) -> tuple[Any, Labels]:
        """Draw data and the cluster of each from the story.

        Args:
            n_samples: how many.
            cluster: the cluster to draw from, by facet where there are several (``None`` lets a
                facet vary); by default clusters are drawn from p(c).
            w: the style of all, ``(W,)``, or of each, ``(n_samples, W)``, of GMVAE.
            mean: give E[x | z] in place of a draw of x; for pictures.
            seed: same seed, same data.

        Returns:
            ``(n_samples, *event)``, of a table by column a table, and ``(n_samples,)`` or
            ``(n_samples, J)``.
        """
        check_is_fitted(self)
        styles = None if w is None else torch.as_tensor(np.asarray(w))
        if styles is not None and styles.dim() == 1:
            styles = styles.expand(n_samples, -1)
        x, drawn = sample(self.model_, n_samples, cluster=cluster, w=styles, mean=mean, seed=seed)
        clusters = [drawn[mixture.site("c")].numpy() for mixture in self._mixtures]
        return self._as_given(x.numpy()), self._columns(clusters)

    @checked
    def posterior_predictive(self, X: ArrayLike, n: Count = 1, *, seed: int = 0) -> Any:
        """Replicates of each datum, z from q(z | x), x' from p(x' | z): ``(n, N, *event)``.

        Of a table by column it is a table of them all, the draw and the row in its index.
        """
        model, guide, x = self._given(X)
        drawn = posterior_predictive(model, guide, x, n, seed=seed).numpy()
        refuse_what_overflows(x, drawn.swapaxes(0, 1))
        return self._as_given(drawn, X)

    @checked
    def to_arviz(
        self,
        X: ArrayLike,
        *,
        n: Count = 100,
        var_names: Iterable[str] | None = None,
        seed: int = 0,
    ) -> Any:
        """Posterior, posterior predictive, observed data and log-likelihood of X for ArviZ.

        Args:
            X: data, ``(N, *event)``.
            n: number of draws.
            var_names: which variables to keep; ``None``: all.
            seed: same seed, same draws.

        Raises:
            ValueError: an unknown variable, or more numbers than fit in memory.
        """
        return to_arviz(*self._given(X), n=n, var_names=var_names, seed=seed)

    @checked
    def score_samples(self, X: ArrayLike, *, num_samples: Count = 100) -> Array:
        """A lower bound on log p(x) of each datum in nats, ``(N,)``: importance-weighted."""
        model, guide, x = self._given(X)
        bound: Array = importance_weighted_bound(model, guide, x, num_samples=num_samples).numpy()
        refuse_what_overflows(x, bound)
        return bound

    def score(self, X: ArrayLike, y: object = None) -> float:
        """The mean of :meth:`score_samples`, in nats per datum."""
        return float(self.score_samples(X).mean())

    def _codes(self, X: ArrayLike, site: str = "z") -> list[Tensor]:
        model, guide, x = self._given(X)
        codes = encode(model, guide, x)
        refuse_what_overflows(x, *codes.values())
        if site not in self._mixtures[0].latent_dims:
            known = " or ".join(map(repr, self._mixtures[0].latent_dims))
            raise ValueError(f"site is {site!r}, and the story has {known}")
        return [codes[mixture.site(site)] for mixture in self._mixtures]

    def _decode(self, codes: Sequence[Tensor]) -> Array:
        """E[x | z] of the codes by facet."""
        sites = [mixture.site("z") for mixture in self._mixtures]
        return decode(self.model_, dict(zip(sites, codes, strict=True))).numpy()
