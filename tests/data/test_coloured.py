"""Coloured MNIST: colours that say nothing of the digit, and brightness that is the digit's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pyromix.data import colour_digits, load


def test_colours_keep_the_ink() -> None:
    images = np.random.default_rng(0).random((20, 1, 28, 28)).astype(np.float32)
    x, colour = colour_digits(images)
    assert x.shape == (20, 3, 32, 32)
    assert set(colour.tolist()) <= set(range(10))
    np.testing.assert_allclose(x.max(1)[:, 2:-2, 2:-2], images[:, 0], rtol=1e-6)
    border = np.ones((32, 32), bool)
    border[2:-2, 2:-2] = False
    assert (x[:, :, border] == 0).all()


def test_colours_are_seeded() -> None:
    images = np.ones((200, 1, 28, 28), np.float32)
    first, again, other = (colour_digits(images, seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_colours_are_equal_and_others_differ() -> None:
    x, colour = colour_digits(np.ones((300, 1, 28, 28), np.float32))
    ink = x[:, :, 16, 16]
    assert len(np.unique(ink, axis=0)) == len(np.unique(colour)) == 10


def test_colour_is_independent_of_the_digit(image_root: Path) -> None:
    data = load("coloured-mnist", root=image_root, split="test", download=False)
    assert data.label_names == ("digit", "colour")
    assert data.labels is not None
    counts = np.zeros((10, 10))
    np.add.at(counts, tuple(data.labels.T), 1)
    assert stats.chi2_contingency(counts).pvalue > 1e-3
    grey = load("mnist", root=image_root, split="test", download=False)
    np.testing.assert_array_equal(data.labels[:, 0], grey.labels)


def test_missing_mnist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="mnist is not under"):
        load("coloured-mnist", root=tmp_path, download=False)
