"""The perceptron treats every batch dimension alike."""

from __future__ import annotations

import pytest
import torch

from pyromix.networks import MLP


@pytest.mark.parametrize("batch_norm", [False, True])
def test_batch_dimensions_are_one_batch(batch_norm: bool) -> None:
    network = MLP(4, (8, 6), 3, batch_norm=batch_norm).double()
    x = torch.randn(5, 7, 4, dtype=torch.float64)
    torch.testing.assert_close(network(x), network(x.reshape(35, 4)).reshape(5, 7, 3))


def test_trunk_ends_with_its_activation() -> None:
    trunk = MLP(4, (8,))
    assert trunk.out_features == 8
    assert (trunk(torch.randn(100, 4)) >= 0).all()


def test_needs_a_layer() -> None:
    with pytest.raises(ValueError, match="hidden_dims is empty"):
        MLP(4, ())
