"""The Python of the pages runs, block after block as a reader would, with short trainings on few
rows: what is asked is that it runs, not what it finds.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.utils import Bunch

from pyromix.estimators.scaling import UnscaledWarning
from pyromix.inference import CollapseWarning, UnclearNumberWarning
from pyromix.inference.training.trainer import Trainer

DOCS = Path(__file__).parents[1] / "docs"
ROWS = 300
RUN_ELSEWHERE = {"extend.md"}  # tests/test_pages.py
LONG = {
    "design.md",
    "howto/choose-k.md",
    "howto/criticise-a-fit.md",
    "howto/larger-than-memory.md",
    "howto/missing-values.md",
    "howto/more-than-one-machine.md",
}
# What a page shows the shape of, and leaves the imports to the reader.
BEFORE = {
    "design.md": """
from functools import partial
from sklearn.datasets import load_digits
from pyromix import DeepMixture, VaDE
from pyromix.guides import FlowHead, GammaHead
from pyromix.inference import (
    Affiliation, AffineViews, GaussianMixtureStart, MutualInformation, Neighbours, Training
)
from pyromix.models import GammaMixture, Normal, StudentMixture
X = load_digits().data / 16
"""
}


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def pages() -> list[Any]:
    found = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    found = [page for page in found if blocks(page) and page not in RUN_ELSEWHERE]
    long = pytest.mark.long
    return [pytest.param(page, marks=long) if page in LONG else page for page in found]


def _table(folder: Path) -> None:
    """What the page on tables reads: age, visits, member, colour."""
    rng = np.random.default_rng(0)
    age = rng.normal(40, 10, ROWS)
    age[:3] = np.nan
    pd.DataFrame(
        {
            "age": age,
            "visits": rng.poisson(3.0, ROWS),
            "member": rng.random(ROWS) < 0.5,
            "colour": rng.choice(["blue", "green", "red"], ROWS),
        }
    ).to_csv(folder / "table.csv", index=False)


def _rows(folder: Path) -> None:
    np.save(folder / "rows.npy", np.random.default_rng(0).normal(size=(2000, 8)).astype("f4"))


def _cells(folder: Path) -> None:
    root = DOCS.parent
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        # It brings a package of the name of a folder here, testing.
        patch.setattr(sys, "path", [p for p in sys.path if Path(p or ".").resolve() != root])
        anndata = pytest.importorskip("anndata", reason="pip install pyromix[anndata]")
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (ROWS, 50)).astype(np.float32)
    names = {"batch": rng.choice(["a", "b"], ROWS), "cell_type": rng.choice(["t", "u"], ROWS)}
    obs = pd.DataFrame(names, index=[f"cell {i}" for i in range(ROWS)])
    anndata.AnnData(counts, obs, layers={"counts": counts}).write_h5ad(folder / "cells.h5ad")


FILES: dict[str, Callable[[Path], None]] = {
    "table.csv": _table,
    "rows.npy": _rows,
    "cells.h5ad": _cells,
}


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch of every phase, and few digits."""
    init, digits = Trainer.__init__, sklearn.datasets.load_digits()

    def short(self: Trainer, max_epochs: int, *args: Any, **kwargs: Any) -> None:
        init(self, min(1, max_epochs), *args, **kwargs)

    def few() -> Bunch:
        return Bunch(data=digits.data[:ROWS], target=digits.target[:ROWS])

    monkeypatch.setattr(Trainer, "__init__", short)
    monkeypatch.setattr(sklearn.datasets, "load_digits", few)


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("page", pages())
def test_the_code_of_a_page_runs(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = blocks(page)
    for name, write in FILES.items():
        if any(name in block for block in code):
            write(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings(), mpl.rc_context({"backend": "Agg"}):
        for category in (CollapseWarning, UnclearNumberWarning, UnscaledWarning):
            warnings.simplefilter("ignore", category)  # an epoch leaves clusters empty
        for block in [BEFORE.get(page, ""), *code]:
            source = block.replace('"/shared/', f'"{tmp_path}/')
            exec(compile(source, page, "exec"), names)
    assert names.keys() > {"__name__", "__builtins__"}
