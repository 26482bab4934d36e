"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import warnings

import pyro
import pytest

from pyromix.inference import CollapseWarning

from .rooms import modules


@pytest.mark.parametrize("name", list(filter(None, modules())))
def test_examples(name: str) -> None:
    pyro.set_rng_seed(0)
    with warnings.catch_warnings():
        # Examples train for an epoch or two, which leaves clusters empty.
        warnings.simplefilter("ignore", CollapseWarning)
        results = doctest.testmod(importlib.import_module(f"pyromix.{name}"))
    assert results.failed == 0
