"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import warnings
from collections.abc import Iterator

import pyro
import pytest

import pyromix
from pyromix.inference import CollapseWarning


def modules() -> Iterator[str]:
    """All modules of the package by name."""
    rooms = (
        *("cli", "data", "distributions", "estimators", "evaluation"),
        *("guides", "inference", "models", "networks"),
    )
    for room in rooms:
        package = importlib.import_module(f"{pyromix.__name__}.{room}")
        yield package.__name__
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            yield found.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name: str) -> None:
    pyro.set_rng_seed(0)
    with warnings.catch_warnings():
        # Examples train for an epoch or two, which leaves clusters empty.
        warnings.simplefilter("ignore", CollapseWarning)
        results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0
