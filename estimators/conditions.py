"""What a fit and its answers are told of rows besides the data: covariates and size factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import as_frame, by_protocol
from ..inference import Rows
from ..inference.training import derive_seed
from ..parts import Unbuilt
from .composition import asks_sizes
from .covariates import Covariates

QUANTILES = 201  # of the size factors of a fit, from which those of samples are drawn


class Conditions:
    """Reads the companions of rows that a user gives, as the fit read them."""

    covariates_: Covariates | None = None
    size_factors_: tuple[float, ...] | None = None

    _check: Any

    def _learn_conditions(
        self,
        x: Tensor,
        covariates: object,
        size_factors: object,
        *,
        likelihood: Unbuilt,
        own: bool,
        among: tuple[object, int],
    ) -> dict[str, Tensor]:
        """Companions of the rows of a fit; how they were read is kept.

        Args:
            x: data.
            covariates: as given, or ``None``.
            size_factors: as given, or ``None``.
            likelihood: the part, which says whether it asks for sizes.
            own: the covariates were columns of X.
            among: covariates of all rows, of which x may be a sample, and how many these are.
        """
        sizes = read_sizes(x, size_factors, asks_sizes(likelihood))
        self.size_factors_ = None
        if sizes is not None:
            quantiles = np.quantile(sizes.numpy(), np.linspace(0, 1, QUANTILES))
            self.size_factors_ = tuple(quantiles.tolist())
        self.covariates_ = None
        if covariates is not None:
            whole = (covariates, len(x)) if own else among
            self.covariates_ = Covariates.learn(*whole, of_data=own)
        return self._companions(x, covariates, size_factors)

    @property
    def n_covariates(self) -> int:
        """P of the story: 0 where the fit had no covariates."""
        return 0 if self.covariates_ is None else self.covariates_.width

    def how_read(self) -> Conditions:
        """How they are read, alone: small, for other processes."""
        found = Conditions()
        found.covariates_, found.size_factors_ = self.covariates_, self.size_factors_
        return found

    def conditions(self) -> dict[str, Any]:
        """What a run keeps of them, as JSON; nothing where there are none."""
        found: dict[str, Any] = {}
        if self.covariates_ is not None:
            found["covariates"] = self.covariates_.described()
        if self.size_factors_ is not None:
            found["size_factors"] = list(self.size_factors_)
        return found

    def take_conditions(self, described: Mapping[str, Any]) -> None:
        """Take those that a run kept.

        Raises:
            ValueError: they are none.
        """
        columns, sizes = described.get("covariates"), described.get("size_factors")
        self.covariates_ = None if columns is None else Covariates.restored(columns)
        if sizes is not None and not (
            isinstance(sizes, list) and sizes and all(isinstance(each, float) for each in sizes)
        ):
            raise ValueError(f"the run's config.json is damaged: its size_factors are {sizes}")
        self.size_factors_ = None if sizes is None else tuple(sizes)

    def _companions(self, x: Tensor, covariates: object, size_factors: object) -> dict[str, Tensor]:
        """Companions of the rows of x, by name.

        Raises:
            TypeError, ValueError: covariates or sizes that are missing, or that the fit had none
                of, or that it could not read.
        """
        found = self._read_covariates(covariates, len(x))
        sizes = read_sizes(x, size_factors, self.size_factors_ is not None)
        if sizes is not None:
            found["size_factors"] = sizes
        return {name: each.to(x) for name, each in found.items()}

    def _read_covariates(self, covariates: object, n: int) -> dict[str, Tensor]:
        known = self.covariates_
        if known is None:
            if covariates is not None:
                raise ValueError("covariates are given, and the fit had none: leave them out")
            return {}
        if covariates is None:
            raise ValueError(
                f"covariates are missing: the fit had {known.words}; give covariates= for each row"
            )
        return {"covariates": known.encode(covariates, n)}

    def _rows(self, X: Any, covariates: object = None, size_factors: object = None) -> Rows:
        """Data with their companions, as the fit read them."""
        X, covariates, _ = apart(X, covariates, self.covariates_)
        x: Tensor = self._check(X)
        return Rows(x, **self._companions(x, covariates, size_factors))

    def _drawn_with(
        self, n: int, covariates: object, size_factors: object, seed: int
    ) -> dict[str, Tensor]:
        """Companions of n data that are to be made; sizes, if none are given, as the fit's were."""
        found = self._read_covariates(covariates, n)
        quantiles = self.size_factors_
        sizes = read_sizes(
            torch.zeros(1).expand(n), size_factors, quantiles is not None, totals=False
        )
        if sizes is None and quantiles is not None:
            generator = np.random.default_rng(derive_seed(seed, "size factors"))
            levels = np.linspace(0, 1, len(quantiles))
            sizes = torch.as_tensor(np.interp(generator.random(n), levels, quantiles))
        if sizes is not None:
            found["size_factors"] = sizes
        return {name: each.to(torch.get_default_dtype()) for name, each in found.items()}


def read_sizes(x: Tensor, given: object, asked: bool, *, totals: bool = True) -> Tensor | None:
    """Size factors ``(N,)``: those given, a number for all rows, or the totals of the rows.

    Raises:
        TypeError, ValueError: they are given and not asked for, or are no positive numbers.
    """
    if not asked:
        if given is not None:
            raise ValueError(
                "size_factors are given, and the likelihood has none: use one that has, such as "
                "partial(NegativeBinomial, size_factors='share')"
            )
        return None
    if given is None and not totals:
        return None
    if given is None and bool(x.isnan().any()):
        raise ValueError("X has gaps, whose rows have no totals: give size_factors=")
    if given is None:
        sizes = x.flatten(1).sum(1).double().cpu()
    else:
        array = np.asarray(given)
        if array.dtype.kind not in "iuf" or array.shape not in ((), (len(x),)):
            raise TypeError(
                f"size_factors have shape {array.shape} of {array.dtype}: use a number, or "
                f"({len(x)},) numbers above 0"
            )
        sizes = torch.as_tensor(np.broadcast_to(array, (len(x),)).astype(np.float64))
    wrong = (~(sizes.isfinite() & (sizes > 0))).nonzero()
    if len(wrong):
        row = int(wrong[0])
        origin = "X holds no counts" if given is None else f"size_factors hold {sizes[row]:g}"
        raise ValueError(
            f"{origin} in row {row}: leave such rows out, or give size_factors= above 0"
        )
    return sizes


def apart(X: Any, covariates: object, known: Covariates | None) -> tuple[Any, object, bool]:
    """Data without the columns that are covariates, the covariates, and whether they were columns.

    Args:
        X: data.
        covariates: what was given as such; some of a frame's columns by a list of names.
        known: what the fit had; ``None`` in a fit.

    Raises:
        TypeError, ValueError: names of columns that X has not.

    Example:
        >>> import pandas as pd
        >>> x, batch, _ = apart(pd.DataFrame({"gene": [1.0], "batch": ["a"]}), ["batch"], None)
        >>> list(x), list(batch)
        (['gene'], ['batch'])
    """
    names: list[str] = []
    if covariates is None and known is not None and known.of_data:
        names = [column.name for column in known.columns]
    X = by_protocol(X)
    frame = as_frame(X) if names or isinstance(covariates, list | tuple) else None
    if frame is not None and isinstance(covariates, list | tuple):
        given = [each for each in covariates if isinstance(each, str)]
        if given == list(covariates) and set(given) & set(frame.columns):
            names = given
    if not names:
        return X, covariates, False
    if frame is None:
        raise TypeError(
            f"covariates are columns of X in the fit, {', '.join(map(repr, names))}, and X is a "
            f"{type(X).__name__}: give a DataFrame, or covariates= themselves"
        )
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(f"covariates name {missing[0]!r}, which is no column of X")
    return frame.drop(columns=names), frame[names], True
