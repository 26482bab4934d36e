"""Looks of coloured images: each facet's start sees what the other's does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from torch import Tensor

from pyromix.data import colour_digits, load
from pyromix.estimators import MFCVAE, VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    AutoStart,
    Brightness,
    ByFacet,
    Colours,
    GaussianMixtureStart,
    GroupsOf,
    KMeansStart,
    ResidualStart,
    Start,
    Through,
)
from pyromix.models import MixtureVAE

MIXTURES = GaussianMixtureStart(on="data", n_components=10)


def images(n: int = 300) -> tuple[Tensor, NDArray[Any], NDArray[Any]]:
    """Digits in ten hues, ``(N, 3, 12, 12)``, with their digits and colours."""
    digits = load("digits")
    assert digits.labels is not None
    painted, colours = colour_digits(digits.x[:n].reshape(-1, 1, 8, 8))
    return torch.as_tensor(painted).float(), digits.labels[:n], colours


def story(*n_clusters: int, shape: tuple[int, ...] = (3, 12, 12)) -> tuple[MixtureVAE, Guide]:
    return MFCVAE(n_clusters=n_clusters, latent_dim=2, networks="perceptron-ladder").build(shape)


def labels_of(start: Start, x: Tensor) -> list[NDArray[Any]]:
    groups, _ = start.find_all(*story(10, 10), x)
    return [groups[f"c_{facet}"].argmax(-1).numpy() for facet in range(2)]


def test_a_look_does_not_see_what_the_other_does() -> None:
    x, _, colours = images(200)
    painted = x.clone()
    recoloured = torch.roll(painted, 1, 1)  # hues turned by a third
    torch.testing.assert_close(Brightness()(recoloured), Brightness()(x))
    torch.testing.assert_close(Colours()(0.3 * x), Colours()(x), rtol=1e-4, atol=1e-5)
    moved = torch.roll(x, 1, 3)
    torch.testing.assert_close(Colours()(moved), Colours()(x))
    for colour in range(10):
        same = Colours()(x[colours == colour])
        torch.testing.assert_close(same, same[:1].expand_as(same), rtol=1e-4, atol=1e-5)


def test_the_automatic_start_of_two_facets_tells_colour_and_form_apart() -> None:
    x, digits, colours = images()
    by_colour, by_form = labels_of(AutoStart(), x)
    assert adjusted_rand_score(colours, by_colour) > 0.99
    assert adjusted_rand_score(digits, by_form) > 0.5
    assert adjusted_mutual_info_score(by_colour, by_form) < 0.05


def test_it_is_the_two_looks_or_what_is_left() -> None:
    x, _, _ = images(120)
    looks = ByFacet(
        (Through(GaussianMixtureStart(on="data"), Colours()), Through(AutoStart(), Brightness()))
    )
    for start, data in ((looks, x), (ResidualStart(AutoStart()), x[:, :1].flatten(1))):
        shape = tuple(data.shape[1:])
        found = AutoStart().find_all(*story(4, 3, shape=shape), data)[0]
        expected = start.find_all(*story(4, 3, shape=shape), data)[0]
        assert all(torch.equal(found[site], expected[site]) for site in expected)


def test_each_start_is_for_a_facet() -> None:
    x, _, _ = images(60)
    given = np.arange(60) % 3, np.arange(60) // 3 % 2
    start = ByFacet([GroupsOf(each) for each in given])
    groups, _ = start.find_all(*story(3, 2), x)
    assert np.array_equal(groups["c_0"].argmax(-1), given[0])
    assert np.array_equal(groups["c_1"].argmax(-1), given[1])
    some = start.of_rows(np.arange(30))
    assert len(some.starts[0].clusterer) == 30
    with pytest.raises(ValueError, match="60"):
        start.check_length(30)


def test_what_cannot_be_is_refused_before_any_work() -> None:
    x, _, _ = images(20)
    with pytest.raises(ValueError, match=r"Colours\(\) looks at images of several channels"):
        Colours()(x[:, :1])
    with pytest.raises(ValueError, match="has 1 starts, and the story has 2"):
        ByFacet((MIXTURES,)).check(*story(2, 2), x)
    with pytest.raises(ValueError, match='use on="data"'):
        ByFacet((MIXTURES, KMeansStart())).check(*story(2, 2), x)
    with pytest.raises(ValueError, match='use on="data"'):
        Through(KMeansStart(), Colours()).check(*story(2, 2), x)
    with pytest.raises(ValueError, match="has 2 starts, and the story has 1"):
        VaDE(n_clusters=2, start=ByFacet((MIXTURES, MIXTURES))).fit(np.eye(40)[:, :4])
    with pytest.raises(ValueError, match="use one of them"):
        ByFacet((MIXTURES,)).groups(np.zeros((3, 2)), 2, 0)
