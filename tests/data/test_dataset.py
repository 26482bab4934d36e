"""The checked container: what passes, what is refused and where the fault is said to be."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from pyromix.data import Dataset, check_labels, check_x, fingerprint


def test_dataset_is_frozen() -> None:
    data = Dataset(np.zeros((3, 2), np.float32), None, "toy")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        ((2, 3, 8, 9), "toy", (3, 8, 9)),
        ((2, 64), "digits", (1, 8, 8)),
        ((2, 64), "toy", None),
    ],
)
def test_image_shape(shape: tuple[int, ...], name: str, expected: tuple[int, ...] | None) -> None:
    assert Dataset(np.zeros(shape, np.float32), None, name).image_shape == expected


def test_fingerprint_is_the_sha256_of_shape_dtype_and_bytes() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = hashlib.sha256(b"(2, 3) <f4 " + x.tobytes()).hexdigest()
    assert fingerprint(x) == expected


def test_fingerprint_sees_content_and_not_memory_layout() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert fingerprint(np.asfortranarray(x)) == fingerprint(x)
    assert fingerprint(x.T) == fingerprint(x.T.copy())
    each: list[np.ndarray] = [x, x.reshape(3, 2), x.astype(np.float64), x + np.float32(1e-6), -x]
    assert len(set(map(fingerprint, each))) == 5


def test_bytes_of_images_are_scaled_and_channels_added() -> None:
    x = check_x(np.full((2, 4, 5), 255, np.uint8), "toy")
    assert x.shape == (2, 1, 4, 5)
    assert x.dtype == np.float32
    assert (x == 1).all()


def test_counts_in_a_table_are_not_scaled() -> None:
    assert check_x(np.full((2, 4), 255, np.uint8), "toy").max() == 255


def test_values_are_kept() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(check_x(x, "toy"), x, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.array(["a", "b"], object)[:, None], TypeError, "object"),
        (np.array([["a"]]), TypeError, "<U1"),
        (np.array([[1j]]), TypeError, "complex128"),
        (np.zeros(3), ValueError, r"shape \(3,\)"),
        (np.zeros((0, 3)), ValueError, "empty"),
        (np.zeros((2, 32, 32, 3)), ValueError, "transpose"),
        (np.array([[0.0, 1.0], [2.0, np.nan]]), ValueError, r"\(nan\) in row 1, column 1"),
        (np.array([[0.0], [np.inf]]), ValueError, r"\(inf\) in row 1, column 0"),
        (np.array([[1e300]]), ValueError, r"\(1e\+300\) in row 0"),
        (np.full((1, 1, 2, 2), np.nan), ValueError, r"4 values .* position \(0, 0, 0\)"),
    ],
)
def test_bad_data_is_refused_in_one_line(
    x: np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as info:
        check_x(x, "toy")
    assert str(info.value).startswith("toy ")
    assert "\n" not in str(info.value)


def test_a_named_column_is_named() -> None:
    with pytest.raises(ValueError, match="row 0, column 'height'"):
        check_x(np.array([[1.0, np.nan]]), "toy", ("width", "height"))


def test_text_labels_are_numbered_in_sorted_order() -> None:
    labels = check_labels(np.array(["pear", "apple", "pear"], object), 3, "labels")
    assert labels.tolist() == [1, 0, 1]
    table = check_labels([["b", "x"], ["a", "x"]], 2, "labels")
    assert table.tolist() == [[1, 0], [0, 0]]


def test_whole_floats_are_labels_and_a_single_column_is_a_vector() -> None:
    labels = check_labels(np.array([[2.0], [7.0]]), 2, "labels")
    assert labels.tolist() == [2, 7]
    assert labels.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"shape \(2,\), but 3"),
        ([0, 0.5, 1], "0.5 in row 1"),
        ([0, 1, np.nan], "nan in row 2"),
        (["a", None, "b"], "no value in row 1"),
        ([1j, 0, 0], "complex128"),
    ],
)
def test_bad_labels_are_refused(labels: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_labels(labels, 3, "labels")
