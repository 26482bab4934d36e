"""Values that thousands of odd cases once tripped over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyromix import MFCVAE, VaDE
from pyromix.guides import SphericalHead
from pyromix.inference import GroupsOf, KMeansStart, Training
from pyromix.networks import Perceptron, PerceptronLadder
from pyromix.parts import Count, checked, spelt

X = np.random.RandomState(0).rand(24, 4)
SMALL: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(4),
    "start": None,
    "training": Training(max_epochs=1),
    "random_state": 0,
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"posterior": GroupsOf([0, 1])}, "posterior is GroupsOf.*: give a subclass of Head"),
        ({"assignment": KMeansStart()}, "assignment is KMeansStart.*: give a subclass of Guide"),
        ({"assignment": len}, "assignment is len, and cannot be called"),
        ({"start": GroupsOf}, "start is GroupsOf, and cannot be called"),
        ({"latent_dim": 10**30}, "latent_dim is .*: VaDE takes smaller numbers, int from 1"),
        ({"latent_dim": 2**40}, "GiB, and this machine has .* GiB: make the parts"),
    ],
)
def test_what_no_part_can_be_is_refused_in_a_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        VaDE(**{**SMALL, **changes}).fit(X)
    assert "\n" not in str(caught.value)


def test_no_facet_is_no_clustering() -> None:
    with pytest.raises(ValueError, match=r"n_clusters is \(\)"):
        MFCVAE(n_clusters=(), latent_dim=(), networks=PerceptronLadder((4, 4))).build((4,))


def test_a_single_value_is_no_labels() -> None:
    with pytest.raises(ValueError, match=r"y is 3: give labels \(24,\)"):
        VaDE(**SMALL).fit(X, 3)


def test_what_is_no_part_has_no_arguments() -> None:
    with pytest.raises(TypeError, match="has no argument"):
        VaDE(prior={}).set_params(prior__covariance="full")  # type: ignore[arg-type]


def test_a_batch_may_be_larger_than_any_data() -> None:
    large = VaDE(**{**SMALL, "training": Training(max_epochs=1, batch_size=2**62 - 1)}).fit(X)
    whole = VaDE(**{**SMALL, "training": Training(max_epochs=1, batch_size=24)}).fit(X)
    np.testing.assert_array_equal(large.transform(X), whole.transform(X))


def test_numbers_of_numpy_are_numbers() -> None:
    assert Perceptron(np.int64(3)) == Perceptron(3)  # type: ignore[arg-type]


def test_a_value_is_spelt_in_one_line() -> None:
    assert "\n" not in spelt(np.zeros((3, 3)))


def test_a_direction_of_dead_features_is_one() -> None:
    head = SphericalHead(2, 3)
    torch.nn.init.zeros_(head.linear.weight)
    torch.nn.init.zeros_(head.linear.bias)
    mean = head(torch.zeros(5, 2)).loc
    torch.testing.assert_close(mean.norm(dim=-1), torch.ones(5))


def test_a_direction_of_huge_features_is_one() -> None:
    mean = SphericalHead(2, 3)(torch.full((5, 2), 1e30)).loc
    torch.testing.assert_close(mean.norm(dim=-1), torch.ones(5))


def test_numbers_beyond_torchs_are_told() -> None:
    @checked
    def draws(n: Count) -> int:
        return n

    with pytest.raises(ValueError, match="n is 9223372036854775808: draws takes smaller numbers"):
        draws(2**63)


def test_gaps_in_double_precision_and_a_ladder() -> None:
    gaps = np.where(np.random.RandomState(1).rand(24, 4) < 0.1, np.nan, X)
    small = {**SMALL, "n_clusters": (2, 2), "networks": PerceptronLadder((4, 4))}
    mfcvae = MFCVAE(**small, precision="64-true", likelihood="normal").fit(gaps)
    assert np.isfinite(np.concatenate(mfcvae.predict_proba(gaps))).all()
