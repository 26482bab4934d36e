"""Every contract runs on every registered case, assignment rule and bound."""

from __future__ import annotations

import pytest

from .cases import ASSIGNMENTS, BOUNDS, CASES, Case


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """A registered model and guide."""
    return request.param


@pytest.fixture(params=list(ASSIGNMENTS))
def assignment(request: pytest.FixtureRequest) -> str:
    """An assignment rule."""
    return request.param


@pytest.fixture(params=list(BOUNDS))
def bound(request: pytest.FixtureRequest) -> str:
    """One of the evaluations of the bound."""
    return request.param
