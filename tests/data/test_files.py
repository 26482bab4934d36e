"""A user's files: each format gives back what was written, and each fault one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pyromix.data import load_file

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


def frame() -> pd.DataFrame:
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=Y)


def test_npy(tmp_path: Path) -> None:
    path = tmp_path / "points.npy"
    np.save(path, X)
    data = load_file(path)
    np.testing.assert_array_equal(data.x, X)
    assert data.labels is None
    assert data.name == "points"
    with pytest.raises(ValueError, match="such a file has no columns"):
        load_file(path, label_column="y")


@pytest.mark.parametrize("x_key", ["x", "X", "data", "embedding"])
@pytest.mark.parametrize("label_key", ["y", "labels", "label", "target"])
def test_npz_keys(tmp_path: Path, x_key: str, label_key: str) -> None:
    path = tmp_path / "points.npz"
    arrays: dict[str, Any] = {label_key: Y, x_key: X}
    np.savez(path, **arrays)
    data = load_file(path)
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.labels, Y)
    assert data.label_names == (label_key,)


def test_npz_with_a_table_of_labels_under_another_key(tmp_path: Path) -> None:
    path = tmp_path / "points.npz"
    np.savez(path, x=X, factors=np.stack([Y, Y[::-1]], 1))
    data = load_file(path, label_column="factors")
    assert data.labels is not None
    assert data.labels.shape == (6, 2)
    assert data.label_names == ("factors_0", "factors_1")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"points{suffix}"
    if suffix == ".csv":
        frame().to_csv(path, index=False)
    else:
        frame().to_parquet(path)
    data = load_file(path)
    np.testing.assert_allclose(data.x, X, rtol=1e-6)
    np.testing.assert_array_equal(data.labels, Y)
    assert data.label_names == ("label",)


def test_csv_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    frame().to_csv(path, index=False, header=False)
    data = load_file(path, label_column="3")
    np.testing.assert_allclose(data.x, X, rtol=1e-6)
    np.testing.assert_array_equal(data.labels, Y)


def test_a_saved_index_is_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    frame().to_csv(path)
    np.testing.assert_allclose(load_file(path).x, X, rtol=1e-6)


def test_text_in_a_named_label_column_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    frame().drop(columns="label").assign(kind=[f"k{i}" for i in Y]).to_csv(path, index=False)
    np.testing.assert_array_equal(load_file(path, label_column="kind").labels, Y)
    table = load_file(path)
    assert table.frame is not None
    assert table.frame["kind"].tolist() == [f"k{i}" for i in Y]


def test_text_labels_keep_their_names(tmp_path: Path) -> None:
    kinds = np.array(["red", "white", "red"])
    pd.DataFrame({"a": [1, 2, 3], "y": kinds}).to_csv(tmp_path / "wine.csv", index=False)
    np.savez(tmp_path / "one.npz", x=np.eye(3), y=kinds)
    np.savez(tmp_path / "two.npz", x=np.eye(3), y=np.stack([kinds, ["b", "a", "b"]], -1))
    np.savez(tmp_path / "none.npz", x=np.eye(3), y=[0, 1, 0])
    for name, expected in {
        "wine.csv": (("red", "white"),),
        "one.npz": (("red", "white"),),
        "two.npz": (("red", "white"), ("a", "b")),
        "none.npz": (),
    }.items():
        data = load_file(tmp_path / name)
        assert data.class_names == expected
        assert data.labels is not None
        assert data.labels.reshape(3, -1)[:, 0].tolist() == [0, 1, 0]


def test_a_real_valued_y_is_not_taken_for_a_label(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    pd.DataFrame({"x": X[:, 0], "y": X[:, 1]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"column 'y'.*rename the column if it is a feature"):
        load_file(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_missing_value_stays_and_an_infinite_one_is_located(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"points{suffix}"
    table = frame()
    table.loc[3, "b"], table.loc[4, "b"] = np.nan, np.inf
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    with pytest.raises(ValueError, match="row 4, column 'b'"):
        load_file(path)


def test_nullable_integers_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    pd.DataFrame({"a": pd.array([1, None, 3], "Int64")}).to_parquet(path)
    np.testing.assert_array_equal(load_file(path).x[:, 0], [1, np.nan, 3])
    assert "1 value is missing, and not observed" in load_file(path).told()


def test_absent_label_column_lists_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    frame().to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"label_column='colour' is not there.*a, b, c, label"):
        load_file(path, label_column="colour")


def test_missing_file_folder_and_ending(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_file(tmp_path / "none.npy")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        load_file(tmp_path)
    (tmp_path / "points.txt").write_text("1 2\n")
    with pytest.raises(ValueError, match=r"'\.txt', but one of \.npy, \.npz"):
        load_file(tmp_path / "points.txt")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_objects_are_never_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"points{suffix}"
    ragged = np.array([[1, 2], [3]], dtype=object)
    if suffix == ".npy":
        np.save(path, ragged, allow_pickle=True)
    else:
        np.savez(path, x=ragged)
    with pytest.raises(ValueError, match="Python objects, which are never unpickled"):
        load_file(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".parquet"])
def test_garbage_and_empty_files_give_one_line(tmp_path: Path, suffix: str) -> None:
    for content in (b"", b"\x00\xff garbage \x93"):
        path = tmp_path / f"points{suffix}"
        path.write_bytes(content)
        with pytest.raises((ValueError, TypeError)) as info:
            load_file(path)
        assert "\n" not in str(info.value)
        assert str(path) in str(info.value)


def test_npz_without_data(tmp_path: Path) -> None:
    path = tmp_path / "points.npz"
    np.savez(path, y=Y)
    with pytest.raises(ValueError, match="holds no data"):
        load_file(path)
