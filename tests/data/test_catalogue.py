"""The one door: names, files and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from pyromix.data import DATASETS, load


def test_digits_are_whole_and_scaled() -> None:
    data = load("digits")
    assert data.x.shape == (1797, 64)
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert data.labels is not None
    assert sorted(set(data.labels.tolist())) == list(range(10))
    np.testing.assert_array_equal(load("digits", split="test").x, data.x)


@pytest.mark.parametrize("name", ["pinwheel", "arcs"])
def test_train_and_test_of_synthetic_sets_differ(name: str) -> None:
    train, test = load(name), load(name, split="test")
    assert train.x.shape == test.x.shape == (10_000, 2)
    assert not np.intersect1d(train.x[:, 0], test.x[:, 0]).size > 100


def test_every_known_name_has_a_line() -> None:
    assert {"digits", "mnist", "fashion-mnist", "kmnist", "usps", "svhn", "stl10"} <= set(DATASETS)
    assert all("\n" not in line and line for line in DATASETS.values())


@pytest.mark.parametrize(("typed", "meant"), [("mnits", "mnist"), ("pinwhel", "pinwheel")])
def test_unknown_name_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"unknown data set '{typed}': did you mean '{meant}'"):
        load(typed)


def test_names_are_forgiving_about_case_and_underscores(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fashion-mnist is not under"):
        load("Fashion_MNIST", root=tmp_path, download=False)


def test_paths_and_arrays(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.save(tmp_path / "points.npy", x)
    for source in (tmp_path / "points.npy", str(tmp_path / "points.npy"), x, torch.from_numpy(x)):
        np.testing.assert_array_equal(load(source).x, x)
    assert load(x.tolist()).name == "array"


def test_a_missing_path_is_no_unknown_name(tmp_path: Path) -> None:
    for source in (tmp_path / "points", "folder/points", "points.npy"):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load(source)


@pytest.mark.parametrize("source", ["digits", np.zeros((2, 2))])
def test_label_column_only_for_files(source: ArrayLike) -> None:
    with pytest.raises(ValueError, match="label_column='y' came with"):
        load(source, label_column="y")


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'validation'"):
        load("digits", split="validation")  # type: ignore[arg-type]
