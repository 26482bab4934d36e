"""Adversarial views stay within their radius, and go where the clusters change most."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pyromix.inference import (
    AdversarialViews,
    MutualInformation,
    TwoViewStart,
    Views,
    two_view_information,
)
from pyromix.inference.phases.assignment_heads import AssignmentHeads
from pyromix.inference.phases.two_view_start import TwoViews
from pyromix.parts import given


def normals(slopes: Tensor) -> nn.Linear:
    """A layer whose logits are those slopes of x, ``(K, X)``."""
    layer = nn.Linear(slopes.shape[1], slopes.shape[0], bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(slopes)
    return layer


def rows(n: int = 30, features: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, features, dtype=torch.float64, generator=generator)


def test_every_datum_moves_by_its_share_of_the_distance_to_the_nearest() -> None:
    x = rows()
    layer = normals(rows(3))
    moved = AdversarialViews(0.4).of(x, lambda batch: [layer(batch).softmax(-1)])
    nearest = torch.cdist(x, x).fill_diagonal_(torch.inf).amin(1)
    torch.testing.assert_close((moved - x).norm(dim=1), 0.4 * nearest)
    torch.testing.assert_close((AdversarialViews(0.4)(x) - x).norm(dim=1), 0.4 * nearest)


def test_no_other_direction_of_many_changes_the_clusters_much_more() -> None:
    """Of two clusters there is one direction; the power method finds it to the sign."""
    torch.manual_seed(0)
    x, slope = rows(), torch.tensor([[2.0, -1.0, 0.5, 0.0]], dtype=torch.float64)
    layer = normals(torch.cat([slope, torch.zeros_like(slope)]))
    views = AdversarialViews(0.3)
    moved = views.of(x, lambda batch: [layer(batch).softmax(-1)]) - x
    along = (moved @ slope[0]).abs() / (moved.norm(dim=1) * slope.norm())
    torch.testing.assert_close(along, torch.ones_like(along), rtol=1e-4, atol=0)


def test_images_keep_their_shape_and_no_parameter_has_a_gradient() -> None:
    images = torch.rand(6, 1, 4, 4)
    layer = nn.Linear(16, 3)
    seen = AdversarialViews().of(images, lambda batch: [layer(batch.flatten(1)).softmax(-1)])
    assert seen.shape == images.shape
    assert not seen.requires_grad
    assert layer.weight.grad is None


def test_they_are_looked_for_where_no_gradients_are_kept() -> None:
    layer = normals(rows(3))
    with torch.no_grad():
        seen = AdversarialViews().of(rows(), lambda batch: [layer(batch).softmax(-1)])
    assert not torch.equal(seen, rows())


def test_the_term_takes_them_by_name_and_looks_at_its_own_clusters() -> None:
    term = MutualInformation(views="adversarial")
    layer, x = normals(rows(3)), rows()
    seen: list[Tensor] = []

    def look(views: object) -> dict[str, tuple[Tensor, Tensor]]:
        assert callable(views)
        seen.append(views(x))
        return {"c": (layer(seen[-1]).softmax(-1), torch.full((3,), 1 / 3))}

    first = layer(x).softmax(-1)
    value = term.total({"c": (first, torch.full((3,), 1 / 3))}, look)
    expected = -two_view_information(first, layer(seen[-1]).softmax(-1), 0.5)
    torch.testing.assert_close(value, expected)
    assert not torch.equal(seen[-1], x)


def test_they_make_the_clusters_of_moons_smooth() -> None:
    """A start by them trains, and what it says of a datum it says of its neighbourhood."""
    views = given("views", "adversarial", Views)
    heads = AssignmentHeads(4, 2, n_heads=2, overclusters=0).double()
    module = TwoViews(nn.Identity(), heads, views)
    loss, parts = module(rows())
    loss.backward()
    assert parts["mutual_information"].isfinite()
    soft, scores = module.best(rows())
    assert soft.shape == (30, 2)
    assert len(scores) == 2


def test_a_start_finds_blobs_by_them() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(240) % 2
    x = torch.randn(240, 3, generator=generator) + 6 * labels.unsqueeze(-1)
    start = TwoViewStart(n_heads=4, overclusters=0, views="adversarial", epochs=15, batch_size=60)
    found = start.groups(x.numpy(), 2, seed=0).argmax(1)
    assert abs(float((torch.as_tensor(found) == labels).double().mean()) - 0.5) > 0.45


@pytest.mark.parametrize("setting", [{"radius": 0.0}, {"step": -1.0}])
def test_a_setting_out_of_range_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        AdversarialViews(**setting)
