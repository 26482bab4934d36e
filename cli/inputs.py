"""Where a command's data come from, told so that ``config.json`` alone finds them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np

from ..data import DATASETS, DEFAULT_ROOT, TABLES, Dataset, fingerprint, load

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Source:
    """A known data set or a file.

    Args:
        data: a key of ``data.DATASETS``, or a path.
        root: folder of the image sets; ``None`` is ``data.DEFAULT_ROOT``.
        label_column: a file's column of labels, if it has no usual name.
        columns: a table's columns that are features; by default all others.
        drop: a table's columns that are left out.
        sep: where the fields of a table of text end; by default found out.

    Example:
        >>> Source("digits").load().x.shape
        (1797, 64)
    """

    data: str
    root: str | None = None
    label_column: str | None = None
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    sep: str | None = None

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> Self:
        """The source that a run's ``config.json`` tells of.

        Raises:
            ValueError: it tells of none.
        """
        if "source" not in record:
            raise ValueError("the run does not say where its data are: give them as DATA")
        try:
            found = cls(**record["source"])
        except TypeError as error:
            raise ValueError(f"the run's config.json is damaged: {error}") from error
        return replace(found, columns=tuple(found.columns), drop=tuple(found.drop))

    @property
    def known(self) -> bool:
        """Whether ``data`` names a data set, and no file."""
        return self.data.lower().replace("_", "-") in DATASETS

    @property
    def name(self) -> str:
        """What run folders call the data."""
        return self.data.lower().replace("_", "-") if self.known else Path(self.data).stem

    def moved(self, data: str | None, root: str | None) -> Self:
        """The same data in another place, where one is given."""
        return replace(self, data=data or self.data, root=root or self.root)

    def load(self, split: str = "train") -> Dataset:
        """The data of one split; a set without splits gives all of it.

        Raises:
            ValueError, TypeError: an unknown name or split, or unusable content.
            FileNotFoundError: no such file, or a set that is neither there nor to be had.
        """
        root = DEFAULT_ROOT if self.root is None else self.root
        return load(
            self.data,
            root=root,
            split=cast("Split", split),
            label_column=self.label_column,
            columns=self.columns,
            drop=self.drop,
            sep=self.sep,
        )

    def of_features(self, names: Sequence[str]) -> Self:
        """The same data with a fit's features by name, in the fit's order.

        Raises:
            ValueError: other columns are asked for.
        """
        table = not self.known and Path(self.data).name.lower().endswith(TABLES)
        if not names or not table:
            return self
        if self.columns and self.columns != tuple(names):
            raise ValueError(f"the run's features are {', '.join(names)}: leave --columns")
        return replace(self, columns=tuple(names))

    def held_out(self, train: Dataset) -> tuple[Dataset, str]:
        """The data to score a fit on: the test split, or ``train`` where there is none.

        Returns:
            The data, and ``"test"`` or ``"all"``.
        """
        if not self.known:
            return train, "all"
        test = self.load("test")
        return (train, "all") if np.array_equal(test.x, train.x) else (test, "test")

    def record(self, data: Dataset) -> dict[str, Any]:
        """What ``config.json`` keeps of the data that were loaded from here."""
        place = self.data if self.known else str(Path(self.data).expanduser().resolve())
        return {
            "name": data.name,
            "shape": list(data.x.shape),
            "image_shape": list(data.image_shape) if data.image_shape else None,
            "fingerprint": fingerprint(data.x),
            "source": {**asdict(self), "data": place},
        }
