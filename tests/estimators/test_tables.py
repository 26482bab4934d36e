"""Tables of any columns: fitted as they are, and answered in their own types."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import set_config
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyromix import MFCVAE, DeepMixture
from pyromix.estimators import load
from pyromix.inference import CollapseWarning, Training, bound
from pyromix.networks import Perceptron

N = 60


def table(n: int = N, seed: int = 0) -> pd.DataFrame:
    rng = np.random.RandomState(seed)
    group = rng.randint(0, 2, n)
    return pd.DataFrame(
        {
            "height": rng.normal(160 + 15 * group, 5),
            "income": np.exp(rng.normal(2 + group, 0.4)).astype(np.float32),
            "visits": rng.poisson(1 + 5 * group),
            "year": rng.randint(1980, 2000, n),
            "member": rng.rand(n) < 0.2 + 0.6 * group,
            "colour": np.where(rng.rand(n) < 0.2 + 0.6 * group, "red", "blue"),
            "grade": pd.Categorical(
                np.array(list("abc"))[rng.randint(0, 3, n)], list("abc"), ordered=True
            ),
        },
        index=[f"row {i}" for i in range(n)],
    )


def quick(**arguments: Any) -> DeepMixture:
    usual: dict[str, Any] = {
        "n_clusters": 2,
        "latent_dim": 2,
        "networks": Perceptron(8),
        "pretraining": None,
        "start": None,
        "training": Training(max_epochs=1, batch_size=30),
        "random_state": 0,
    }
    return DeepMixture(**{**usual, **arguments})


@pytest.fixture(scope="module")
def fitted() -> DeepMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        return quick(columns={"income": "log-normal"}).fit(table())


pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


def test_each_column_has_a_likelihood_of_its_own(fitted: DeepMixture) -> None:
    laws = {column.name: column.law for column in fitted.columns_.columns}
    assert laws == {
        "height": "normal",
        "income": "log-normal",
        "visits": "negative-binomial",
        "year": "normal",
        "member": "bernoulli",
        "colour": "categorical",
        "grade": "categorical",
    }
    assert fitted.n_features_in_ == 7
    assert fitted.feature_names_in_.tolist() == list(table().columns)
    assert fitted.model_.likelihood.event_shape == (7,)


def test_answers_are_tables_of_the_same_types_and_categories(fitted: DeepMixture) -> None:
    X = table()
    drawn, labels = fitted.sample(5)
    assert labels.shape == (5,)
    back = fitted.reconstruct(X)
    for answer in (drawn, back, fitted.inverse_transform(fitted.transform(X))):
        pd.testing.assert_series_equal(answer.dtypes, X.dtypes)
    assert back.index.equals(X.index)
    assert set(drawn["colour"]) <= {"red", "blue"}
    assert bool((drawn["visits"] >= 0).all())
    replicates = fitted.posterior_predictive(X[:4], 3)
    assert replicates.index.names[0] == "draw"
    assert replicates.loc[2].index.equals(X.index[:4])
    pd.testing.assert_series_equal(replicates.dtypes, X.dtypes)


def test_columns_in_another_order_are_put_in_order(fitted: DeepMixture) -> None:
    X = table()
    one, other = fitted.predict_proba(X), fitted.predict_proba(X[X.columns[::-1]])
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="no column 'year', 'grade', which fit has seen"):
        fitted.predict(X.drop(columns=["grade", "year"]))
    with pytest.raises(TypeError, match="fitted to a table of columns height, income"):
        fitted.predict(np.zeros((3, 7)))


def test_scores_are_in_the_units_of_the_columns(fitted: DeepMixture) -> None:
    """A column in other units costs the logarithm of the factor, datum by datum."""
    X = table()
    taller = X.assign(height=X["height"] * 128)
    other = quick(columns={"income": "log-normal"}).fit(taller)
    shift = fitted.score_samples(X) - other.score_samples(taller)
    np.testing.assert_allclose(shift, np.log(128), atol=2e-3)
    x = torch.from_numpy(fitted.columns_.encode(X))
    assert bound(fitted.model_, fitted.guide_, x).shape == (N,)


def test_unseen_categories_are_refused(fitted: DeepMixture) -> None:
    strange = table().assign(colour="green")
    with pytest.raises(ValueError, match="'colour' holds 'green' in row 0, which fit has not seen"):
        fitted.predict(strange)
    with pytest.raises(ValueError, match=r"\[0, 3\] \(column 'year'\), 60 of 420 values"):
        fitted.predict(table().assign(year=None))


def test_unseen_categories_may_be_missing_where_fit_saw_no_gaps() -> None:
    X = table()
    fitted = quick(unseen="missing").fit(X)
    taken = fitted.predict_proba(X.assign(colour="green"))
    np.testing.assert_array_equal(taken, fitted.predict_proba(X.assign(colour=None)))


def test_a_run_has_the_columns_and_gives_the_same_answers(
    fitted: DeepMixture, tmp_path: Path
) -> None:
    X = table()
    fitted.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded.columns_ == fitted.columns_
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    pd.testing.assert_frame_equal(loaded.sample(3)[0], fitted.sample(3)[0])
    config = json.loads((tmp_path / "config.json").read_text())
    config["data"]["columns"][0]["law"] = "log-normal"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="damaged: its columns"):
        load(tmp_path)


def test_a_warm_start_keeps_the_columns(fitted: DeepMixture) -> None:
    estimator = quick(warm_start=True, training=Training(max_epochs=0)).fit(table())
    estimator.fit(table(seed=1).assign(grade="a"))
    assert estimator.columns_.columns[-1].categories == ("a", "b", "c")


def test_plain_numbers_stay_one_array_unless_columns_are_asked_for() -> None:
    X = table()[["height", "year"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        plain = quick().fit(X)
    assert not hasattr(plain, "columns_")
    assert isinstance(plain.sample()[0], np.ndarray)
    assert quick(columns={}).fit(X).sample()[0].dtypes.equals(X.dtypes)


def test_what_does_not_go_with_columns_is_refused() -> None:
    with pytest.raises(TypeError, match=r"columns is {'a': 'normal'}, and X is no table"):
        quick(columns={"a": "normal"}).fit(np.zeros((5, 2)))
    with pytest.raises(TypeError, match=r"likelihood is 'normal', and X has columns.*'member'"):
        quick(likelihood="normal").fit(table())
    with pytest.raises(ValueError, match="did you mean 'height'"):
        quick(columns={"heigth": "normal"}).fit(table())
    with pytest.raises(ValueError, match="minimum of 2"):
        quick().fit(table(1))


def test_verbose_tells_of_each_column(capsys: pytest.CaptureFixture[str]) -> None:
    quick(verbose=True, training=Training(max_epochs=0)).fit(table())
    assert "visits: count, negative-binomial, int64" in capsys.readouterr().err


def test_codes_have_names_in_a_pipeline_of_tables(fitted: DeepMixture) -> None:
    X = table()
    assert fitted.get_feature_names_out().tolist() == ["deepmixture0", "deepmixture1"]
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), ["height", "year"]), ("as is", "passthrough", ["colour"])],
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(columns, quick(training=Training(max_epochs=0)))
    codes = pipeline.set_output(transform="pandas").fit(X).transform(X)
    assert list(codes.columns) == ["deepmixture0", "deepmixture1"]
    assert codes.index.equals(X.index)
    assert pipeline[-1].columns_.names == ["height", "year", "colour"]


def test_codes_of_facets_are_a_list_whatever_the_output() -> None:
    X = np.random.RandomState(0).rand(20, 6)
    facets = MFCVAE(
        n_clusters=(2, 2),
        latent_dim=2,
        pretraining=None,
        start=None,
        training=Training(max_epochs=0),
    ).fit(X)
    assert not hasattr(facets, "get_feature_names_out")
    set_config(transform_output="pandas")
    try:
        assert len(facets.transform(X)) == 2
    finally:
        set_config(transform_output="default")


def test_gaps_of_every_kind_are_imputed_in_their_types() -> None:
    X = table()
    gaps = X.astype({"visits": "Int64", "member": "boolean"})
    for j, name in enumerate(X.columns):
        gaps.loc[gaps.index[j::7], name] = None
    fitted = quick().fit(gaps)
    assert fitted.n_missing_ == int(gaps.isna().sum().sum()) == N
    assert fitted.columns_.columns[2].missing == 9
    filled, spread = fitted.impute(gaps, return_std=True)
    pd.testing.assert_series_equal(filled.dtypes, gaps.dtypes)
    assert not filled.isna().any().any()
    seen = gaps.notna()
    assert bool(((filled == gaps) | ~seen).all().all())
    assert bool((spread.where(seen) <= 0).equals(seen))
    assert bool(spread["colour"][~seen["colour"]].isna().all())
    assert bool((spread["height"][~seen["height"]] > 0).all())
    draws = fitted.impute(gaps, n_draws=2)
    assert draws.loc[1]["colour"].isin(["red", "blue"]).all()
    strange = X.assign(colour="green").iloc[:3].astype({"visits": "Int64", "member": "boolean"})
    with pytest.raises(ValueError, match="which fit has not seen"):
        fitted.predict(strange)
    taken = fitted.set_params(unseen="missing").predict_proba(strange)
    np.testing.assert_array_equal(taken, fitted.predict_proba(strange.assign(colour=None)))
