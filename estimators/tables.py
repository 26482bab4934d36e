"""Tables by column: which data are read so, with what laws, and how answers come back as tables.

A fit sees encoded rows, whatever its phases do with them. Then the story's likelihood and the
guide's encoder take the encoding into themselves, as they do a scaling.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..data import Schema, Unseen, as_frame, not_numbers, row_names, schema_of
from ..parts import spelt
from .fitting import continues

Laws = Mapping[str, str] | Literal["auto"]

log = logging.getLogger("pyromix")


class Tables:
    """Takes tables of any columns, and gives such back."""

    columns: Laws
    unseen: Unseen
    columns_: Schema

    def _codes_of(self, X: object, *, fitting: bool) -> NDArray[np.float64] | None:
        """A table's rows as numbers and codes, if it is read by column; ``None`` of other data.

        Raises:
            ValueError, TypeError: names what is wrong with a column, and what would do.
        """
        frame = as_frame(X)
        if fitting:
            self._look_at(frame)
        schema: Schema | None = vars(self).get("columns_")
        if schema is None:
            return None
        if frame is None:
            raise TypeError(
                f"X is {type(X).__name__}, and {type(self).__name__} was fitted to a table of "
                f"columns {', '.join(schema.names[:8])}: give a DataFrame with these"
            )
        codes = schema.encode(frame, self.unseen)
        strange = int(np.isnan(codes).sum()) - int(frame.isna().to_numpy().sum())
        if strange:
            log.info("%s values of X are of categories not seen, and not observed", strange)
        return codes

    def _look_at(self, frame: pd.DataFrame | None) -> None:
        """Find out what a table's columns are; a warm start keeps what they were."""
        odd = [] if frame is None else not_numbers(frame)
        if frame is None and self.columns != "auto":
            raise TypeError(
                f"columns is {spelt(self.columns)}, and X is no table: give a DataFrame, whose "
                "columns have names"
            )
        if frame is None or (self.columns == "auto" and not odd):
            vars(self).pop("columns_", None)
            return
        likelihood: Any = getattr(self, "likelihood", "auto")
        if likelihood != "auto":
            some = f", such as {', '.join(map(repr, odd[:5]))}, that are no numbers" if odd else ""
            raise TypeError(
                f"likelihood is {spelt(likelihood)}, and X has columns of their own kinds{some}: "
                "use likelihood='auto', which gives each its own, or make numbers of them"
            )
        if len(frame) < 2:
            raise ValueError(f"Found array with {len(frame)} sample(s): a minimum of 2 is required")
        if not (continues(self) and "columns_" in vars(self)):
            laws = {} if self.columns == "auto" else self.columns
            self.columns_ = schema_of(frame, laws)
        self.feature_names_in_ = np.asarray(self.columns_.names, dtype=object)
        self.n_features_in_ = len(self.columns_)
        if getattr(self, "verbose", False):
            print(self.columns_, file=sys.stderr)

    def _as_given(self, values: NDArray[Any], X: object = None) -> Any:
        """Rows as fit was given them: of a table by column, a table with X's row names."""
        if "columns_" not in vars(self):
            return values
        if values.ndim == 3:
            names = row_names(X, values.shape[1])
            draws = {draw: self.columns_.decode(rows, names) for draw, rows in enumerate(values)}
            return pd.concat(draws, names=["draw"])
        return self.columns_.decode(values, row_names(X, len(values)))

    def _as_numbers(self, values: NDArray[Any], X: object = None) -> Any:
        """Numbers of each value as fit was given those: of a table by column, a table of floats."""
        if "columns_" not in vars(self):
            return values
        return pd.DataFrame(values, row_names(X, len(values)), self.columns_.names)

    @available_if(  # type: ignore[untyped-decorator]
        lambda self: isinstance(self.n_clusters, int | str)
    )
    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Names of the columns of :meth:`transform`: the estimator's own, and a number.

        Args:
            input_features: as scikit-learn has it; it changes nothing.
        """
        check_is_fitted(self)
        name, dim = type(self).__name__.lower(), getattr(self, "_mixtures")[0].latent_dim  # noqa: B009
        return np.asarray([f"{name}{i}" for i in range(dim)], dtype=object)
