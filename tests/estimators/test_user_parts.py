"""A user's own parts reach estimators, searches, saved runs and resumed fits as the zoo's do."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from pyromix.estimators import DeepMixture

from . import user_parts
from .user_parts import PARTS, X, make

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")


@pytest.mark.parametrize("name", PARTS)
def test_a_users_part_is_fitted_predicted_with_sampled_from_and_cloned(name: str) -> None:
    estimator = make(**PARTS[name])
    fitted = clone(estimator).fit(X)
    assert fitted.predict_proba(X).shape == (200, 4)
    np.testing.assert_allclose(fitted.predict_proba(X).sum(1), 1.0, rtol=1e-5)
    drawn, clusters = fitted.sample(5, cluster=1)
    assert drawn.shape == (5, 64)
    assert (clusters == 1).all()
    assert repr(clone(estimator)) == repr(estimator)
    again = clone(estimator).fit(X)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_the_terms_of_a_user_stand_in_the_history_under_their_names() -> None:
    row = make(**PARTS["term"]).fit(X).history_[-1]
    assert row["no_small_clusters"] > 0
    parts = sum(row[name] for name in ("reconstruction", "kl_z", "kl_c", "no_small_clusters"))
    assert parts == pytest.approx(row["loss"], rel=1e-4)


def test_a_users_parts_are_searched() -> None:
    own: dict[str, Any] = {"prior": [user_parts.HeavyTails, "gaussian-mixture"]}
    search = GridSearchCV(make(), {**own, "training__learning_rate": [1e-4, 1e-3]}, cv=2).fit(X)
    assert len(search.cv_results_["params"]) == 4
    assert isinstance(search.best_estimator_, DeepMixture)
    assert search.best_estimator_.training.learning_rate in (1e-4, 1e-3)


@pytest.mark.parametrize("name", ["HeavyTails", "Bending", "Spiky", "NoSmallClusters", "Linear"])
def test_each_takes_under_15_lines(name: str) -> None:
    lines = [line for line in inspect.getsource(getattr(user_parts, name)).splitlines() if line]
    assert len(lines) < 16  # a line longer for the types than a notebook needs


def run(*arguments: str) -> None:
    script = str(Path(__file__).parent / "user_parts.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_users_parts_are_saved_and_handed_to_another_process(tmp_path: Path) -> None:
    run("save", str(tmp_path))
    run("load", str(tmp_path))
    with pytest.raises(ValueError, match=r"hand it in: load\(path, prior=HeavyTails\)"):
        DeepMixture.load(tmp_path / "prior")


@pytest.mark.slow
def test_fits_with_users_parts_resume_to_the_bit_after_being_killed(tmp_path: Path) -> None:
    run("kill", str(tmp_path))
