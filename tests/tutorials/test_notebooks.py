"""The tutorials run from top to bottom, in smoke mode: a quick pass through every cell.

They run in this process, where torch is imported already; one also in a kernel of its own, as for
a reader. What was committed is of a full run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbformat
import numpy as np
import pyro
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from nbclient import NotebookClient

from pyromix.estimators.scaling import UnscaledWarning
from pyromix.inference import CollapseWarning, UnclearNumberWarning

NOTEBOOKS = sorted((Path(__file__).parents[2] / "tutorials").glob("*.ipynb"))
MAX_BYTES = 600_000
IN_A_KERNEL = "05"  # the quickest
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run_here(notebook: Any) -> dict[str, Any]:
    """Run the cells and the answers in a namespace of their own, and format what they show."""
    names: dict[str, Any] = {"__name__": "__main__"}
    show: Any = DisplayFormatter()
    with warnings.catch_warnings(), mpl.rc_context({"backend": "Agg"}):
        for category in (CollapseWarning, UnclearNumberWarning, UnscaledWarning):
            warnings.simplefilter("ignore", category)  # an epoch or two leaves clusters empty
        for where, source in sources(notebook):
            shown = _run_cell(source, where, names)
            if shown is not None:
                show.format(shown)
        plt.close("all")
    return names


def sources(notebook: Any) -> Iterator[tuple[str, str]]:
    """The code of the cells, then that of the answers to the exercises, each with where it is."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield f"cell {number}", cell.source
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for number, answer in enumerate(re.findall(r"<details>(.*?)</details>", prose, re.DOTALL), 1):
        for block in re.findall(r"```python\n(.*?)```", answer, re.DOTALL):
            yield f"answer {number}", block


def _run_cell(source: str, where: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of a last expression, which a notebook would show."""
    body = ast.parse(source).body
    last = body[-1] if body else None
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module(body, []), where, "exec"), names)
        return None
    exec(compile(ast.Module(body[:-1], []), where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names)


def test_there_are_tutorials() -> None:
    numbers = [int(path.stem[:2]) for path in NOTEBOOKS]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


@pytest.mark.slow
@each_notebook
def test_runs(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYROMIX_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    settings = np.get_printoptions()
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        names = run_here(nbformat.read(path, as_version=4))
    finally:
        np.set_printoptions(**settings)
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        pyro.clear_param_store()
    assert names["SMOKE"] is True


def test_a_cell_that_fails_fails() -> None:
    cells = [{"cell_type": "code", "source": "a = 1"}, {"cell_type": "code", "source": "a / 0"}]
    notebook = nbformat.from_dict({"cells": cells})
    with pytest.raises(ZeroDivisionError):
        run_here(notebook)


@pytest.mark.slow
def test_one_runs_in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYROMIX_SMOKE", "1")
    (path,) = (path for path in NOTEBOOKS if path.stem.startswith(IN_A_KERNEL))
    NotebookClient(nbformat.read(path, as_version=4), timeout=300).execute()


@each_notebook
def test_is_committed_with_its_output(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < MAX_BYTES


@each_notebook
def test_has_a_question_exercises_and_next_steps(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert text.startswith("# ")
    assert 400 < len(prose.split()) < 1300
    assert 30 <= sum(bool(line.strip()) for lines in code for line in lines.splitlines()) <= 160
    assert text.count("<details>") == text.count("</details>") >= 3
    assert "\n## Exercises\n" in text
    assert "\n## Next\n" in text


@each_notebook
def test_links_lead_somewhere(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target
