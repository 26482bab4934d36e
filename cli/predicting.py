"""What ``pyromix predict`` does: rows in, labels, probabilities and codes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

from ..data import TABLES, read_frame, write_frame
from ..estimators import load
from ..inference import Run
from ..reports import by_facet
from .inputs import Source


def predict(path: Path, data: str | None, out: Path, root: str | None, sep: str | None) -> None:
    """Write labels, probabilities and codes of data into a table.

    Args:
        path: the run folder.
        data: a known name or a file; ``None``: what the run was fitted to.
        out: the file.
        root: folder of the image sets.
        sep: where the fields of a table of text end, if it is not to be found out.

    Raises:
        ValueError, TypeError: a foreign or damaged run, or data that do not fit it.
        FileNotFoundError: a run or data that are not there.
    """
    estimator = load(path)
    fitted_to = Source.recorded(Run(path).read_config().data)
    source = fitted_to.moved(data, root)
    source = replace(source, sep=sep or (fitted_to.sep if data is None else None))
    rows = rows_of(estimator, source, path)
    answers = predictions(estimator, rows)
    write_frame(answers, out)
    sizes = np.unique(answers.filter(regex="label$").to_numpy()).size
    typer.echo(f"{len(answers):,} rows of {source.name}, in {sizes} clusters: {out}")


def rows_of(estimator: Any, source: Source, run: Path) -> Any:
    """The data as the estimator takes them: of a table the columns that it was fitted to.

    Raises:
        ValueError: the table has not all of them.
    """
    names = list(getattr(estimator, "feature_names_in_", ()))
    file = Path(source.data).expanduser()
    if source.known or not names or not file.name.lower().endswith(TABLES):
        return source.load().named
    frame = read_frame(file, source.sep)
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(
            f"{file} has no column {', '.join(map(repr, absent))}, to which {run} was fitted: add "
            f"it, empty where nothing is known; it has {', '.join(map(repr, frame.columns))}"
        )
    chosen = frame[names]
    if hasattr(estimator, "columns_"):
        return chosen
    try:
        return chosen.astype(np.float32)
    except (TypeError, ValueError):
        for name in names:
            numbers = pd.to_numeric(chosen[name], errors="coerce")
            wrong = np.flatnonzero(numbers.isna() & chosen[name].notna())
            if len(wrong):
                raise ValueError(
                    f"{file}: column {name!r} holds {chosen[name].iloc[wrong[0]]!r} in row "
                    f"{wrong[0]}, and {run} was fitted to numbers: correct it"
                ) from None
        raise


def predictions(estimator: Any, rows: Any) -> pd.DataFrame:
    """A row for each datum: labels, their probability, those of all clusters, and the code.

    Args:
        estimator: fitted.
        rows: data, as it takes them.
    """
    gammas = by_facet(estimator.predict_proba(rows))
    codes = by_facet(estimator.transform(rows))
    found: dict[str, Any] = {"row": np.arange(len(gammas[0]))}
    for j, (gamma, code) in enumerate(zip(gammas, codes, strict=True)):
        facet = f"facet{j}_" if len(gammas) > 1 else ""
        found[f"{facet}label"] = gamma.argmax(1)
        found[f"{facet}probability"] = gamma.max(1)
        found |= {f"{facet}p{k}": each for k, each in enumerate(gamma.T)}
        found |= {f"{facet}z{d}": each for d, each in enumerate(code.T)}
    return pd.DataFrame(found)
