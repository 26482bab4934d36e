"""What codes and clusters say of a batch and of labels, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from pyromix.evaluation import independence, told_from

RNG = np.random.default_rng(0)
GROUP, BATCH = np.arange(400) % 4, np.array(["a", "b"])[np.arange(400) // 4 % 2]


def test_codes_of_groups_alone_tell_of_nothing_else() -> None:
    codes = np.eye(4)[GROUP] + RNG.normal(0, 0.05, (400, 4))
    found = independence(codes, GROUP, BATCH, GROUP)
    assert found["labels_told"] == found["labels_ami"] == 1.0
    assert found["batch_guessed"] == 0.5
    assert abs(found["batch_told"] - 0.5) < 0.1
    assert abs(found["batch_ami"]) < 0.01


def test_codes_of_the_batch_give_it_away() -> None:
    number = (BATCH == "b").astype(float)
    codes = np.stack([number, RNG.normal(size=400)], 1) + RNG.normal(0, 0.05, (400, 2))
    found = independence(codes, number, BATCH, GROUP)
    assert found["batch_told"] == found["batch_ami"] == 1.0
    assert abs(found["labels_told"] - 0.25) < 0.1
    assert "labels_told" not in independence(codes, number, BATCH)


def test_a_rare_class_counts_as_much_as_a_frequent_one() -> None:
    rare = (np.arange(400) >= 380).astype(int)
    assert abs(told_from(RNG.normal(size=(400, 2)), rare) - 0.5) < 0.1


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ValueError, match=r"codes have shape \(3, 1\) and classes \(2,\)"):
        told_from(np.zeros((3, 1)), [0, 1])
    with pytest.raises(ValueError, match=r"1 kind\(s\)"):
        told_from(np.zeros((9, 1)), np.zeros(9))
    with pytest.raises(ValueError, match="the rarest 2 times"):
        told_from(np.zeros((9, 1)), np.arange(9) // 7)
