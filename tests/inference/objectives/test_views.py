"""Views keep shapes, are the maps they say they are, and have draws of their own for each datum."""

from __future__ import annotations

import math

import pytest
import torch

from pyromix.inference import AffineViews, AutoViews, MutualInformation, VectorViews, Views
from pyromix.parts import given

STILL = AffineViews(rotation=0, scale=0, shear=0, shift=0)


def test_no_movement_is_the_identity() -> None:
    images = torch.rand(5, 2, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(STILL(images), images, rtol=0, atol=1e-12)


def test_flips_mirror_about_half_of_the_data() -> None:
    images = torch.rand(400, 1, 6, 6, dtype=torch.float64)
    flipped = AffineViews(rotation=0, scale=0, shear=0, shift=0, flip=True)(images)
    kept = (flipped - images).abs().amax((1, 2, 3)) < 1e-9
    mirrored = (flipped - images.flip(-1)).abs().amax((1, 2, 3)) < 1e-9
    assert bool((kept ^ mirrored).all())
    assert abs(int(kept.sum()) - 200) < 4 * math.sqrt(100)


def test_maps_are_within_their_ranges_and_fill_them() -> None:
    views = AffineViews(rotation=30, scale=0.2, shear=0, shift=0.1)
    maps = views._maps(torch.zeros(5000, 1, 4, 4, dtype=torch.float64))
    sizes = torch.linalg.svdvals(maps[:, :, :2])
    assert float(sizes.min()) > 0.8
    assert float(sizes.max()) < 1.2
    angle = torch.rad2deg(torch.atan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 29 < float(angle.abs().max()) <= 30
    assert 0.19 < float(maps[:, :, 2].abs().max()) <= 0.2


def test_a_rotation_moves_the_bright_pixel_along_its_circle() -> None:
    image = torch.zeros(200, 1, 21, 21)
    image[:, 0, 10, 16] = 1.0
    moved = AffineViews(rotation=45, scale=0, shear=0, shift=0)(image)
    rows, columns = torch.arange(21.0).reshape(-1, 1) - 10, torch.arange(21.0) - 10
    mass = moved.sum((1, 2, 3))
    y = (moved[:, 0] * rows).sum((1, 2)) / mass
    x = (moved[:, 0] * columns).sum((1, 2)) / mass
    torch.testing.assert_close(
        (x.square() + y.square()).sqrt(), torch.full((200,), 6.0), rtol=0, atol=0.2
    )
    assert float(torch.atan2(y, x).abs().max()) < math.radians(47)


def test_equal_data_get_different_views_and_equal_seeds_equal_ones() -> None:
    for views, batch in (
        (AffineViews(), torch.rand(1, 1, 8, 8).expand(2, 1, 8, 8)),
        (VectorViews(), torch.rand(1, 8).expand(2, 8)),
    ):
        torch.manual_seed(1)
        first = views(batch)
        torch.manual_seed(1)
        assert torch.equal(first, views(batch))
        assert not torch.allclose(first[0], first[1])


def test_flat_images_are_moved_as_images() -> None:
    images = torch.rand(4, 1, 8, 8)
    torch.manual_seed(0)
    square = AffineViews()(images)
    torch.manual_seed(0)
    assert torch.equal(AffineViews()(images.flatten(1)), square.flatten(1))


def test_noise_stays_within_the_range_of_the_batch() -> None:
    images = torch.rand(20, 1, 8, 8)
    noisy = AffineViews(rotation=0, scale=0, shear=0, shift=0, noise=0.5)(images)
    assert float(noisy.min()) >= float(images.min())
    assert float(noisy.max()) <= float(images.max())
    assert not torch.allclose(noisy, images)


def test_vectors_lose_a_share_of_features_and_gain_noise() -> None:
    batch = 3 + torch.randn(2000, 10, dtype=torch.float64)
    changed = VectorViews(noise=0.2, dropout=0.1)(batch)
    lost = changed == 0
    assert abs(float(lost.double().mean()) - 0.1) < 4 * math.sqrt(0.09 / 20_000)
    noise = (changed - batch)[~lost]
    assert float(noise.std()) == pytest.approx(0.2 * float(batch.std()), rel=0.05)


@pytest.mark.parametrize(
    ("shape", "chosen"),
    [
        ((1, 28, 28), AffineViews()),
        ((3, 5, 5), AffineViews()),
        ((64,), AffineViews()),
        ((784,), AffineViews()),
        ((16,), VectorViews()),
    ],
)
def test_auto_tells_images_from_vectors(shape: tuple[int, ...], chosen: Views) -> None:
    batch = torch.rand(6, *shape)
    torch.manual_seed(1)
    expected = chosen(batch)
    torch.manual_seed(1)
    assert torch.equal(AutoViews()(batch), expected)
    assert not torch.equal(expected, batch)


def test_auto_takes_views_of_one_s_own() -> None:
    views = AutoViews(images=STILL, vectors=VectorViews(noise=0.0, dropout=1.0))
    images, vectors = torch.rand(5, 1, 8, 8), torch.rand(5, 3)
    torch.testing.assert_close(views(images), images, rtol=0, atol=1e-6)
    assert not views(vectors).any()


def test_unusable_views_are_refused() -> None:
    for make in (lambda: given("views", "imag", Views), lambda: MutualInformation(views="imag")):
        with pytest.raises(ValueError, match=r"views is 'imag': did you mean 'image'"):
            make()
    for length in (63, 10):
        with pytest.raises(ValueError, match=rf"{length} features.*use VectorViews\(\)"):
            AffineViews()(torch.rand(4, length))


def test_gaps_move_with_the_image_and_spoil_nothing_else() -> None:
    torch.manual_seed(0)
    whole = torch.rand(6, 1, 12, 12)
    gaps = torch.zeros_like(whole, dtype=torch.bool)
    gaps[:, :, 4:7, 5:8] = True
    states = []
    for batch in (whole, whole.masked_fill(gaps, torch.nan)):
        torch.manual_seed(1)
        states.append(AffineViews(noise=0.1)(batch))
    moved = states[1].isnan()
    assert 0.5 < float(moved.sum() / gaps.sum()) < 1.5
    shared = (states[0] - states[1])[~moved].abs()
    assert float((shared < 0.05).float().mean()) > 0.9
    assert float(states[1][~moved].max()) <= 1.0


def test_noise_is_as_wide_as_what_is_observed() -> None:
    torch.manual_seed(0)
    batch = torch.randn(2000, 3)
    batch[:, 0] = torch.nan
    view = VectorViews(noise=0.5, dropout=0.0)(batch)
    assert bool(view[:, 0].isnan().all())
    assert float((view - batch)[:, 1:].std()) == pytest.approx(0.5, rel=0.05)
