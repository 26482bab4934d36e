"""The README's Python runs as it stands, one block after the other as a reader would; what it
measures is what the committed results say; and it is short.
"""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean, pstdev

import pytest

from pyromix.experiments.records import records
from pyromix.testing import check_prior

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = {
    "VaDE": "vade-digits-defaults",
    "GMVAE": "gmvae-digits-defaults",
    "GamMMVAE": "gammm-vae-digits-defaults",
    "UMAP + Gaussian mixture": "peer-umap-gmm-digits",
    "PCA + Gaussian mixture": "peer-pca-gmm-digits",
    "spectral clustering": "peer-spectral-digits",
    "k-means": "peer-k-means-digits",
}


@pytest.mark.slow
def test_the_code_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    assert {"vade", "mine", "svi"} <= names.keys()
    check_prior(names["LaplaceMixture"])  # type: ignore[arg-type]
    assert (tmp_path / "runs" / "mine" / "config.json").exists()


def test_the_table_is_of_the_committed_results() -> None:
    printed = README.partition("<!-- results -->")[2].partition("<!-- /results -->")[0].strip()
    lines = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", printed, re.MULTILINE)
    rows = {name: (accuracy, nmi) for name, accuracy, nmi in lines[1:]}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS.values()}
    for record in records(ROOT / "benchmarks" / "results"):
        if record.name in found and record.budget == "cpu":
            found[record.name].append(dict(record.metrics))
    for shown, name in ROWS.items():
        assert len(found[name]) == 3, name
        for told, key in zip(rows.pop(shown), ("accuracy", "nmi"), strict=True):
            values = [metrics[key] for metrics in found[name]]
            assert told == f"{mean(values):.3f} ± {pstdev(values):.3f}", (shown, key)
    assert not rows


PAGES = {
    "vade": "vade-digits-defaults",
    "gmvae": "gmvae-digits-defaults",
    "gammm-vae": "gammm-vae-digits-defaults",
    "augmented-elbo": "augmented-vade-digits-defaults",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_model_page_has_its_row_of_the_committed_results(page: str) -> None:
    text = (ROOT / "docs" / "models" / f"{page}.md").read_text(encoding="utf-8")
    told = re.findall(r"accuracy (\S+ ± \S+), NMI (\S+ ± \S+) \(`pyromix reproduce (\S+)`", text)
    found = [
        each.metrics
        for each in records(ROOT / "benchmarks" / "results")
        if (each.name, each.budget) == (PAGES[page], "cpu")
    ]
    spread = [
        f"{mean(values):.3f} ± {pstdev(values):.3f}"
        for values in ([row[key] for row in found] for key in ("accuracy", "nmi"))
    ]
    assert told == [(*spread, PAGES[page])]


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.encode()) < 7_500
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target
