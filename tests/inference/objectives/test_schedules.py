"""Schedules: their values at, between and beyond the knots."""

from __future__ import annotations

import numpy as np
import pytest

from pyromix.inference.objectives.schedules import (
    Constant,
    LinearWarmup,
    Piecewise,
    Schedule,
    as_schedule,
)

STEPS = np.arange(-5, 60)


def test_constant() -> None:
    assert {Constant(0.3)(int(step)) for step in STEPS} == {0.3}


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (2.0, -1.0)])
def test_linear_warmup_is_linear_interpolation(start: float, end: float) -> None:
    warmup = LinearWarmup(start, end, steps=20)
    expected = np.interp(STEPS, [0, 20], [start, end])
    np.testing.assert_allclose([warmup(int(step)) for step in STEPS], expected, atol=1e-15)


def test_a_warmup_of_no_steps_is_its_end() -> None:
    assert LinearWarmup(0.0, 1.0, steps=0)(0) == 1.0


def test_piecewise_is_linear_interpolation() -> None:
    knots = [(3, 0.5), (10, 2.0), (11, -1.0), (40, 0.25)]
    schedule = Piecewise(knots)
    expected = np.interp(STEPS, *zip(*knots, strict=True))
    np.testing.assert_allclose([schedule(int(step)) for step in STEPS], expected, atol=1e-15)
    assert [schedule(step) for step, _ in knots] == [value for _, value in knots]


@pytest.mark.parametrize("knots", [[], [(3, 1.0), (3, 2.0)], [(3, 1.0), (1, 2.0)]])
def test_piecewise_refuses_knots_that_do_not_increase(knots: list[tuple[int, float]]) -> None:
    with pytest.raises(ValueError, match="increasing steps"):
        Piecewise(knots)


def test_warmup_refuses_negative_steps() -> None:
    with pytest.raises(ValueError, match="steps must be 0 or more, got -1"):
        LinearWarmup(0.0, 1.0, steps=-1)


def test_as_schedule() -> None:
    class Half(Schedule):
        def __call__(self, step: int) -> float:
            return 0.5

    half = Half()
    assert as_schedule(half) is half
    assert as_schedule(np.float32(2)) == Constant(2.0)
    with pytest.raises(TypeError, match="number or a Schedule, got str"):
        as_schedule("0.5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite, got nan"):
        as_schedule(float("nan"))
