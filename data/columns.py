"""Which columns of a table are features, which is the label, and which are neither."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..parts.warning import warn
from .dataset import Dataset, FloatArray, check_labels, check_x, text_classes
from .frames import not_numbers
from .kinds import schema_of
from .tables import Table, numbers_the_rows

LABEL_NAMES = ("y", "label", "labels", "target", "targets", "class", "classes")


@dataclass(frozen=True)
class Columns:
    """What is asked of a file's columns.

    Args:
        label: the column, or .npz key, of the labels, where it has none of the usual names.
        features: the columns that are features, in that order; by default all others.
        drop: columns to leave out.
        sep: where the fields of a line end, if it is not to be found out.

    Example:
        >>> Columns(label="kind").chosen(Path("t.csv"), ["a", "kind", "y"])
        (['a'], 'kind', {'y': 'it looks like a label'})
    """

    label: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    sep: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return self != Columns()

    def chosen(
        self, path: Path, present: Sequence[str]
    ) -> tuple[list[str], str | None, dict[str, str]]:
        """The features, the label if there is one, and what is ignored with the reason.

        Raises:
            ValueError: a column that is not there, or several that may be the label.
        """
        dropped = [_named(path, name, present, "--drop") for name in self.drop]
        asked = [_named(path, name, present, "--columns") for name in self.features]
        ignored = dict.fromkeys(dropped, "dropped")
        free = [name for name in present if name not in dropped and name not in asked]
        label = find_label(self.label, free if self.label is None else present, str(path))
        features = asked or [name for name in free if name != label]
        if label in features:
            raise ValueError(f"{path}: column {label!r} is asked for as a feature and as the label")
        for name in free:
            if name in features and is_label_name(name):
                ignored[name] = "it looks like a label"
                features.remove(name)
            elif name not in features and name != label:
                ignored[name] = "it is not asked for"
        if not features:
            raise ValueError(f"{path} has no column left that is a feature")
        return features, label, ignored


def is_label_name(name: str) -> bool:
    """Whether a column or key has a usual name of labels, in whatever case."""
    return name.strip().casefold() in LABEL_NAMES


def find_label(asked: str | None, present: Iterable[str], where: str) -> str | None:
    """The column, or key, of labels.

    Raises:
        ValueError: the one that is asked for is not there, or there are several.
    """
    present = list(present)
    if asked is not None:
        return _named(where, asked, present, "label_column")
    usual = [name for name in present if is_label_name(name)]
    if len(usual) > 1:
        raise ValueError(
            f"{where} has {len(usual)} columns that may be the label "
            f"({', '.join(map(repr, usual))}): say which by label_column (--label-column), and "
            "which others are features by --columns"
        )
    return usual[0] if usual else None


def _named(where: Path | str, asked: str, present: Sequence[str], argument: str) -> str:
    if asked in present:
        return asked
    like = [name for name in present if name.strip().casefold() == asked.strip().casefold()]
    if len(like) == 1:
        return like[0]
    shown = ", ".join(present[:20]) + (", …" if len(present) > 20 else "")
    raise ValueError(f"{argument}={asked!r} is not there: {where} has the columns {shown}")


def dataset_of(path: Path, name: str, table: Table, wanted: Columns) -> Dataset:
    """The data of a table, with its label set apart and what was ignored told.

    Raises:
        ValueError, TypeError: content that cannot be used; the message says why.
    """
    frame = table.frame
    features, label_key, ignored = wanted.chosen(path, list(frame.columns))
    chosen = frame[features]
    frame_as_it_is = chosen if not_numbers(chosen) else None
    if frame_as_it_is is None:
        values = chosen.to_numpy(dtype=np.float64, na_value=np.nan)
        x = check_x(values, str(path), tuple(features), gaps=True)
    else:
        x = _numbers(path, chosen)
    if not wanted.features:
        _warn_of_identifiers(path, chosen)
    names = tuple(features) if table.named else ()
    told = {**table.ignored, **ignored}
    if label_key is None:
        return Dataset(x, None, name, columns=names, ignored=told, frame=frame_as_it_is)
    column = frame[label_key]
    raw = column.to_numpy(dtype=float if column.dtype.kind in "biuf" else object, na_value=np.nan)
    labels = check_labels(raw, len(x), f"{path}, column {label_key!r},")
    classes = text_classes(raw)
    return Dataset(x, labels, name, (label_key,), classes, names, told, frame_as_it_is)


def _numbers(path: Path, frame: pd.DataFrame) -> FloatArray:
    """A table of any columns as other methods take it.

    Raises:
        ValueError, TypeError: a column that is of no kind; the message says why.
    """
    try:
        schema = schema_of(frame)
    except (TypeError, ValueError) as error:
        remedy = " (--drop leaves a column out)" if "drop it" in str(error) else ""
        raise type(error)(f"{path}: {error}{remedy}") from error
    return schema.dummies(schema.encode(frame)).astype(np.float32)


def _warn_of_identifiers(path: Path, features: pd.DataFrame) -> None:
    plain = features.drop(columns=not_numbers(features))
    found = [name for name in plain if numbers_the_rows(str(name), plain[name].to_numpy())]
    if found:
        listed = ", ".join(repr(name) for name in found)
        warn(
            f"{path}: {listed} looks like a number of the row, and is a feature: leave it out with "
            f"--drop {found[0]}, or name the features by --columns",
            UserWarning,
        )
