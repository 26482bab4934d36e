"""Schedules: their values at, between and beyond the knots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyromix.inference.objectives.schedules import (
    Clock,
    Constant,
    LinearWarmup,
    OverTraining,
    PerEpoch,
    Piecewise,
    Product,
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
    steps, values = zip(*knots, strict=True)
    expected = np.interp(STEPS, steps, values)
    np.testing.assert_allclose([schedule(int(step)) for step in STEPS], expected, atol=1e-15)
    assert [schedule(step) for step, _ in knots] == [value for _, value in knots]


@pytest.mark.parametrize("knots", [[], [(3, 1.0), (3, 2.0)], [(3, 1.0), (1, 2.0)]])
def test_piecewise_refuses_knots_that_do_not_increase(knots: list[tuple[int, float]]) -> None:
    with pytest.raises(ValueError, match="increasing steps"):
        Piecewise(knots)


def test_warmup_refuses_negative_steps() -> None:
    with pytest.raises(ValueError, match="steps is -1: LinearWarmup takes float from 0"):
        LinearWarmup(0.0, 1.0, steps=-1)


WARMUP = LinearWarmup(-1.0, 2.0, steps=20)
SHAPE = Piecewise([(0.1, 3.0), (0.5, 1.0), (0.9, 2.0)])


def test_over_epochs_of_one_step_it_is_the_schedule_over_steps() -> None:
    clock = Clock(steps_per_epoch=1, epochs=30)
    for schedule in (WARMUP, Constant(0.3), Product([WARMUP, Constant(2.0)])):
        for step in range(40):
            assert PerEpoch(schedule).at(step, clock) == schedule.at(step) == schedule(step)


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 50])
def test_over_epochs_it_is_interpolated_within_them(steps_per_epoch: int) -> None:
    clock = Clock(steps_per_epoch, epochs=30)
    steps = np.arange(25 * steps_per_epoch)
    found = [PerEpoch(WARMUP).at(int(step), clock) for step in steps]
    expected = np.interp(steps / steps_per_epoch, [0, 20], [-1.0, 2.0])
    np.testing.assert_allclose(found, expected, atol=1e-12)
    at_starts = [PerEpoch(WARMUP).at(epoch * steps_per_epoch, clock) for epoch in range(25)]
    assert at_starts == [WARMUP(epoch) for epoch in range(25)]


@pytest.mark.parametrize(("steps_per_epoch", "epochs"), [(1, 10), (10, 1), (7, 13)])
def test_over_a_training_it_runs_from_its_start_to_its_end(
    steps_per_epoch: int, epochs: int
) -> None:
    clock = Clock(steps_per_epoch, epochs)
    end = steps_per_epoch * epochs
    steps = np.arange(end + 5)
    found = [OverTraining(SHAPE).at(int(step), clock) for step in steps]
    expected = np.interp(steps / end, [0.1, 0.5, 0.9], [3.0, 1.0, 2.0])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_over_a_training_it_does_not_matter_how_the_training_is_divided() -> None:
    divided = [Clock(1, 60), Clock(60, 1), Clock(6, 10)]
    for step in range(60):
        values = {OverTraining(SHAPE).at(step, clock) for clock in divided}
        assert len(values) == 1


def test_a_training_of_no_epochs_is_at_its_start() -> None:
    assert OverTraining(WARMUP).at(0, Clock(steps_per_epoch=5, epochs=0)) == WARMUP(0)


def test_a_product_of_schedules_over_steps_epochs_and_the_training() -> None:
    clock = Clock(steps_per_epoch=4, epochs=10)
    factors = [LinearWarmup(0.0, 1.0, 8), PerEpoch(LinearWarmup(1.0, 3.0, 5)), OverTraining(SHAPE)]
    for step in range(45):
        by_hand = (
            min(step / 8, 1.0)
            * (1.0 + 2.0 * min(step / 20, 1.0))
            * np.interp(step / 40, [0.1, 0.5, 0.9], [3.0, 1.0, 2.0])
        )
        assert Product(factors).at(step, clock) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("kind", [PerEpoch, OverTraining])
def test_nobody_counts_epochs_in_plain_svi(kind: type[PerEpoch | OverTraining]) -> None:
    schedule = kind(WARMUP)
    for read in (schedule, schedule.at, Product([WARMUP, schedule]).at):
        with pytest.raises(ValueError, match="needs a training that counts them"):
            read(3)


def test_as_schedule() -> None:
    class Half(Schedule):
        def __call__(self, step: float) -> float:
            return 0.5

    half = Half()
    assert as_schedule(half) is half
    two: Any = np.float32(2)
    assert as_schedule(two) == Constant(2.0)
    with pytest.raises(TypeError, match="number or a Schedule, got str"):
        as_schedule("0.5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite, got nan"):
        as_schedule(float("nan"))
