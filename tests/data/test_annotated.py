"""AnnData: read from a file with sparse counts, and given what a fit found."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pyromix import MFCVAE, VaDE
from pyromix.data import read_annotated
from pyromix.inference import KMeansStart, Training
from pyromix.models import NegativeBinomial
from pyromix.networks import Perceptron

ROOT = Path(__file__).parents[2]
HERE = [path for path in sys.path if Path(path or ".").resolve() != ROOT]
with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
    warnings.simplefilter("ignore")
    patch.setattr(sys, "path", HERE)  # it brings a package of the name of a folder here, testing
    anndata = pytest.importorskip("anndata", reason="pip install pyromix[anndata]")

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(2.0, (30, 5)) + np.array([1, 0, 0, 0, 0])


@pytest.fixture
def adata() -> Any:
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(np.array(["a", "b"])[np.arange(30) % 2]),
            "kind": pd.Categorical(["T", "B", None] * 10),
        },
        index=[f"cell{i}" for i in range(30)],
    )
    found = anndata.AnnData(sparse.csr_matrix(COUNTS.astype(np.float32)), obs=obs)
    found.layers["half"] = COUNTS / 2
    return found


def test_a_file_is_read_fitted_and_given_the_results(adata: Any, tmp_path: Path) -> None:
    adata.write_h5ad(tmp_path / "cells.h5ad")
    data = read_annotated(tmp_path / "cells.h5ad", covariates=["batch"], labels="kind")
    assert isinstance(data.x, sparse.csr_matrix | sparse.csr_array)
    assert (data.x.toarray() == COUNTS).all()
    assert data.covariates is not None
    assert data.covariates["batch"].tolist() == ["a", "b"] * 15
    assert data.classes == ("B", "T")
    assert data.y is not None
    assert data.y.tolist() == [1, 0, -1] * 10
    vade = VaDE(
        n_clusters=2,
        latent_dim=3,
        networks=Perceptron(8),
        likelihood=partial(NegativeBinomial, size_factors="share"),
        start=KMeansStart(),
        training=Training(max_epochs=1),
        random_state=0,
    )
    vade.fit(data.x, data.y, covariates=data.covariates)
    found = data.store(vade)
    assert (found.obs["vade"].to_numpy() == vade.labels_).all()
    assert found.obsm["X_vade"].shape == (30, 3)
    found.write_h5ad(tmp_path / "found.h5ad")
    back = anndata.read_h5ad(tmp_path / "found.h5ad")
    np.testing.assert_allclose(back.obsm["vade_probabilities"].sum(1), 1.0, rtol=1e-5)


def test_what_is_not_there_is_named(adata: Any) -> None:
    assert (read_annotated(adata, layer="half").x == COUNTS / 2).all()
    with pytest.raises(ValueError, match="obs has no column 'dose': it has 'batch', 'kind'"):
        read_annotated(adata, covariates=["dose"])
    with pytest.raises(ValueError, match="layer is 'raw', and there are 'half'"):
        read_annotated(adata, layer="raw")
    with pytest.raises(TypeError, match="source is int: give an AnnData"):
        read_annotated(3)
    adata.layers["half"][2, 1] = np.nan
    with pytest.raises(ValueError, match=r"X holds nan at \[2, 1\]"):
        read_annotated(adata, layer="half")
    adata.layers["sparse"] = sparse.csr_matrix(adata.layers["half"])
    with pytest.raises(ValueError, match=r"X holds nan at \[2, 1\]"):
        read_annotated(adata, layer="sparse")
    several = MFCVAE(n_clusters=(2, 2), latent_dim=2, start=None, pretraining=None)
    several.set_params(training=Training(max_epochs=1), likelihood="poisson")
    data = read_annotated(adata)
    with pytest.raises(ValueError, match="MFCVAE has 2 clusterings"):
        data.store(several.fit(data.x))


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ImportError, match=r"pip install pyromix\[anndata\]"):
        read_annotated("cells.h5ad")
