"""Every contract runs on every registered case, assignment rule and bound it asks for."""

from __future__ import annotations

import pytest

from . import written_out  # noqa: F401, its densities register
from .cases import BOUNDS, CASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise ``case``, ``assignment`` and ``bound`` wherever a test takes them."""
    names = metafunc.fixturenames
    if "case" in names and "assignment" in names:
        pairs = [(case, rule) for case in CASES for rule in case.assignments]
        ids = [f"{case.name}-{rule}" for case, rule in pairs]
        metafunc.parametrize(("case", "assignment"), pairs, ids=ids)
    elif "case" in names:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES])
    if "bound" in names:
        metafunc.parametrize("bound", list(BOUNDS))
