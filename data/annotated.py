"""AnnData, the tables of single-cell biology: counts with what is known of cells, and results back.

``anndata`` is an optional dependency: ``pip install pyromix[anndata]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NEEDED = "AnnData needs the package anndata: pip install pyromix[anndata]"


@dataclass(frozen=True)
class Annotated:
    """What a fit needs of an AnnData, which is kept for what the fit finds.

    Attributes:
        x: counts, or other numbers, ``(N, G)`` float32; sparse ones as CSR, which fits take.
        covariates: columns of ``obs``, a frame of N rows, or ``None``.
        y: labels as whole numbers, −1 where unknown, ``(N,)``, or ``None``.
        classes: what the labels are called, in their order.
        source: the AnnData.
    """

    x: Any
    covariates: pd.DataFrame | None
    y: NDArray[np.int64] | None
    classes: tuple[str, ...]
    source: Any

    def store(self, estimator: Any, name: str | None = None) -> Any:
        """Put what a fitted estimator says of the cells into the AnnData, and give it back.

        ``obs[name]`` has the clusters, as categories, ``obsm["X_" + name]`` the codes and
        ``obsm[name + "_probabilities"]`` the probabilities of the clusters, so that scanpy finds
        them: ``sc.pp.neighbors(adata, use_rep="X_vade")``.

        Args:
            estimator: fitted to :attr:`x` with :attr:`covariates`; of one clustering.
            name: under which it stands; ``None``: the estimator's, such as ``"vade"``.

        Raises:
            ValueError: an estimator of several clusterings.
        """
        name = name or str(getattr(estimator, "alias", type(estimator).__name__.lower()))
        given = {} if self.covariates is None else {"covariates": self.covariates}
        gamma = estimator.predict_proba(self.x, **given)
        if isinstance(gamma, list):
            raise ValueError(
                f"{type(estimator).__name__} has {len(gamma)} clusterings, and a column of obs has "
                "one: store them yourself, by predict and transform"
            )
        self.source.obs[name] = pd.Categorical(gamma.argmax(1), range(gamma.shape[1]))
        self.source.obsm[f"X_{name}"] = np.asarray(estimator.transform(self.x, **given))
        self.source.obsm[f"{name}_probabilities"] = gamma
        return self.source


def read_annotated(
    source: Any,
    *,
    covariates: Sequence[str] = (),
    labels: str | None = None,
    layer: str | None = None,
) -> Annotated:
    """Read an AnnData, or an ``.h5ad`` file, for a fit.

    Sparse matrices stay sparse, as CSR: of a fit a few rows at a time become dense.

    Args:
        source: an AnnData, or the path of a file.
        covariates: columns of ``obs`` that the fit is to know, such as batches.
        labels: a column of ``obs`` that is known of some cells, missing elsewhere.
        layer: take this layer in place of ``X``, such as ``"counts"``.

    Raises:
        ImportError: ``anndata`` is not installed.
        TypeError: something else than an AnnData or a path.
        ValueError: a column or a layer that it has not, or numbers that are not finite.

    Example:
        >>> cells = read_annotated("cells.h5ad", covariates=["batch"])  # doctest: +SKIP
    """
    anndata = _anndata()
    if isinstance(source, str | Path):
        source = anndata.read_h5ad(source)
    if not isinstance(source, anndata.AnnData):
        raise TypeError(f"source is {type(source).__name__}: give an AnnData, or the path of one")
    names = [*covariates, *([] if labels is None else [labels])]
    missing = [name for name in names if name not in source.obs]
    if missing:
        raise ValueError(
            f"obs has no column {missing[0]!r}: it has {', '.join(map(repr, source.obs.columns))}"
        )
    if layer is not None and layer not in source.layers:
        raise ValueError(
            f"layer is {layer!r}, and there are {', '.join(map(repr, source.layers)) or 'none'}"
        )
    matrix = source.X if layer is None else source.layers[layer]
    if matrix is None:
        raise ValueError("the AnnData has no X: name a layer")
    sparse = hasattr(matrix, "tocsr")
    x: Any = matrix.tocsr().astype(np.float32) if sparse else np.asarray(matrix, np.float32)
    wrong = np.argwhere(~np.isfinite(x.data if sparse else x))
    if len(wrong):
        held = x.tocoo() if sparse else None
        row, column = wrong[0] if held is None else (each[wrong[0][0]] for each in held.coords)
        raise ValueError(f"X holds {x[row, column]} at [{row}, {column}]: give finite numbers")
    y, classes = (None, ()) if labels is None else _labels(source.obs[labels])
    frame = source.obs[list(covariates)].reset_index(drop=True) if covariates else None
    return Annotated(x, frame, y, classes, source)


def _anndata() -> Any:
    try:
        import anndata
    except ImportError as error:
        raise ImportError(NEEDED) from error
    return anndata


def _labels(column: pd.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Whole numbers, −1 where a value is missing, and what they are called."""
    found = column.astype("category").cat.remove_unused_categories()
    codes = found.cat.codes.to_numpy().astype(np.int64)
    return codes, tuple(map(str, found.cat.categories))
