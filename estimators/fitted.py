"""What a fit leaves, and how later data are read and asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..guides import Guide
from ..inference import (
    Rows,
    decode,
    encode,
    responsibilities,
)
from ..inference.training.devices import Precision
from ..models import MixturePrior, MixtureVAE
from .conditions import Conditions
from .counting import Counting
from .gaps import check_gaps
from .reading import read_numbers, refuse_what_overflows
from .tables import Tables

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


class Fitted(Tables, Counting, Conditions, TransformerMixin):
    """What a fit leaves; several facets have a list, or a column, each."""

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

    def _given(
        self, X: ArrayLike, covariates: object, size_factors: object
    ) -> tuple[MixtureVAE, Guide, Rows]:
        rows = self._rows(X, covariates, size_factors)
        return self.model_, self.guide_, rows

    @property
    def _mixtures(self) -> tuple[MixturePrior, ...]:
        return self.model_.prior.mixtures

    def _by_facet(self, each: list[Array]) -> Any:
        """A list for several facets, and the lone array of one clustering."""
        return each[0] if self._lone else each

    def _columns(self, each: list[Labels]) -> Labels:
        """A column for each of several facets, and the lone labels of one clustering."""
        return each[0] if self._lone else np.stack(each, -1)

    def _gammas(self, rows: Rows, num_samples: int | None = None) -> list[Array]:
        found = responsibilities(self.model_, self.guide_, rows, num_samples=num_samples)
        gammas = [found[mixture.site("c")].numpy() for mixture in self._mixtures]
        refuse_what_overflows(rows.x, *gammas)
        return gammas

    def _labels(self, rows: Rows) -> Labels:
        return self._columns([gamma.argmax(-1) for gamma in self._gammas(rows)])

    def _codes(self, rows: Rows, site: str = "z") -> list[Tensor]:
        codes = encode(self.model_, self.guide_, rows)
        refuse_what_overflows(rows.x, *codes.values())
        if site not in self._mixtures[0].latent_dims:
            known = " or ".join(map(repr, self._mixtures[0].latent_dims))
            raise ValueError(f"site is {site!r}, and the story has {known}")
        return [codes[mixture.site(site)] for mixture in self._mixtures]

    def _decode(self, codes: Sequence[Tensor], companions: Mapping[str, Tensor]) -> Array:
        """E[x | z] of the codes by facet."""
        sites = [mixture.site("z") for mixture in self._mixtures]
        latents = dict(zip(sites, codes, strict=True))
        return decode(self.model_, latents, companions=companions).numpy()
