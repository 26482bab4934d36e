"""Seeded scopes: the same stream for the same name, and no trace outside."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from pyromix.inference.training.seeds import derive_seed, seeded


def numpy_key() -> list[int]:
    """Of NumPy's global generator."""
    key: list[int] = np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    return key


def test_a_scope_leaves_every_global_generator_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.randn(4)
    np_state, py_state = numpy_key(), random.getstate()
    torch.manual_seed(5)
    with seeded(0, "noise"):
        torch.randn(100)
    with pytest.raises(RuntimeError, match="shape"), seeded(0, "noise"):
        torch.randn(100).reshape(3)
    assert torch.equal(torch.randn(4), expected)
    assert numpy_key() == np_state
    assert random.getstate() == py_state


def test_scopes_nest() -> None:
    with seeded(1):
        expected = torch.randn(6)
    with seeded(1):
        first = torch.randn(3)
        with seeded(2):
            torch.randn(50)
        torch.testing.assert_close(torch.cat([first, torch.randn(3)]), expected, rtol=0, atol=0)


def test_streams_of_different_names_differ_and_look_independent() -> None:
    names = [(phase, epoch, rank) for phase in "ab" for epoch in range(20) for rank in range(2)]
    assert len({derive_seed(0, *name) for name in names}) == len(names)
    draws = []
    for name in names:
        with seeded(0, *name):
            draws.append(torch.randn(2000))
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(len(names))
    assert correlation.abs().max() < 0.12


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_is_seeded_and_restored() -> None:
    torch.cuda.manual_seed(5)
    expected = torch.randn(4, device="cuda")
    torch.cuda.manual_seed(5)
    with seeded(0, device="cuda"):
        first = torch.randn(4, device="cuda")
    with seeded(0, device="cuda"):
        assert torch.equal(torch.randn(4, device="cuda"), first)
    assert torch.equal(torch.randn(4, device="cuda"), expected)
