"""Numbers that change while training: a schedule maps the count of optimiser steps to a value.

Weights of objective terms take one wherever they take a plain number. :class:`PerEpoch` and
:class:`OverTraining` count in epochs, and in shares of the whole training.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, prod

from ...parts import NonNegative, Part, check_fields

NO_CLOCK = (
    "a schedule over epochs needs a training that counts them: set the objective's clock, or give "
    "a schedule over steps"
)


@dataclass(frozen=True)
class Clock:
    """How long a training is.

    Args:
        steps_per_epoch: optimiser steps of an epoch.
        epochs: of the whole training, at most.
    """

    steps_per_epoch: int
    epochs: int


class Schedule(Part, kind="schedule", abstract=True):
    """A value for every optimiser step, counted from 0; a subclass defines :meth:`__call__`.

    Schedules hold settings and no state, so a resumed run only has to know its step.

    Example:
        >>> class Halving(Schedule):
        ...     def __call__(self, step: float) -> float:
        ...         return 0.5**step
        >>> as_schedule(Halving())(2)
        0.25
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def __call__(self, step: float) -> float:
        """The value at ``step``."""

    def at(self, step: int, clock: Clock | None = None) -> float:
        """The value at a step of a training, which schedules over epochs need to know of."""
        return self(step)


@dataclass(frozen=True, repr=False)
class Constant(Schedule):
    """The same value at every step.

    Args:
        value: that value.

    Example:
        >>> Constant(0.5)(1000)
        0.5
    """

    value: float

    def __call__(self, step: float) -> float:
        return self.value


@dataclass(frozen=True, repr=False)
class LinearWarmup(Schedule):
    r"""A straight line from one value to another, and constant afterwards.

    .. math:: v(t) = \mathrm{start} + (\mathrm{end} - \mathrm{start}) \min(t / \mathrm{steps}, 1)

    Args:
        start: the value at step 0.
        end: the value from step ``steps`` on.
        steps: length of the warm-up in optimiser steps; 0 means ``end`` at once.

    Raises:
        ValueError: if ``steps`` is negative.

    Example:
        >>> LinearWarmup(0.0, 1.0, steps=10)(5)
        0.5

    References:
        Sønderby et al. (2016). Ladder Variational Autoencoders, section 2.2. arXiv 1602.02282.
    """

    start: float
    end: float
    steps: NonNegative

    def __call__(self, step: float) -> float:
        if step >= self.steps:
            return self.end
        return self.start + (self.end - self.start) * max(step, 0) / self.steps


@dataclass(frozen=True, repr=False)
class Piecewise(Schedule):
    """Straight lines between knots, and constant before the first and after the last.

    Args:
        knots: pairs of (step, value) with strictly increasing steps.

    Raises:
        ValueError: if there is no knot, or the steps don't increase.

    Example:
        >>> rise_and_rest = Piecewise([(0, 0.0), (100, 1.0), (200, 0.5)])
        >>> [rise_and_rest(step) for step in (50, 100, 150, 300)]
        [0.5, 1.0, 0.75, 0.5]
    """

    knots: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "knots", tuple((step, value) for step, value in self.knots))
        steps = [step for step, _ in self.knots]
        if not steps or any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError(
                f"knots must be (step, value) pairs with increasing steps, got {list(self.knots)}"
            )

    def __call__(self, step: float) -> float:
        after = bisect_right(self.knots, step, key=lambda knot: knot[0])
        if after == 0:
            return self.knots[0][1]
        if after == len(self.knots):
            return self.knots[-1][1]
        (left, low), (right, high) = self.knots[after - 1], self.knots[after]
        return low + (high - low) * (step - left) / (right - left)


@dataclass(frozen=True, repr=False)
class Product(Schedule):
    """The product of other schedules.

    Args:
        factors: schedules.

    Example:
        >>> Product([LinearWarmup(0.0, 1.0, steps=10), Constant(4.0)])(5)
        2.0
    """

    factors: Sequence[Schedule]

    def __call__(self, step: float) -> float:
        return prod(factor(step) for factor in self.factors)

    def at(self, step: int, clock: Clock | None = None) -> float:
        """The product of the factors' values there."""
        return prod(factor.at(step, clock) for factor in self.factors)


@dataclass(frozen=True, repr=False)
class PerEpoch(Schedule):
    """Another schedule, over epochs in place of steps; within an epoch it goes on.

    Args:
        schedule: a schedule whose steps are epochs.

    Example:
        >>> PerEpoch(LinearWarmup(0.0, 1.0, steps=10)).at(250, Clock(steps_per_epoch=50, epochs=40))
        0.5
    """

    schedule: Schedule

    def __call__(self, step: float) -> float:
        raise ValueError(NO_CLOCK)

    def at(self, step: int, clock: Clock | None = None) -> float:
        """The schedule's value after so many epochs.

        Raises:
            ValueError: nobody counts epochs, as in plain SVI.
        """
        if clock is None:
            raise ValueError(NO_CLOCK)
        return self.schedule(step / clock.steps_per_epoch)


@dataclass(frozen=True, repr=False)
class OverTraining(Schedule):
    """Another schedule, over the training as a whole: from 0 at its start to 1 at its end.

    Args:
        schedule: a schedule whose steps are shares of the training.

    Example:
        >>> halfway = Clock(steps_per_epoch=50, epochs=40)
        >>> OverTraining(LinearWarmup(0.0, 1.0, steps=0.25)).at(250, halfway)
        0.5
    """

    schedule: Schedule

    def __call__(self, step: float) -> float:
        raise ValueError(NO_CLOCK)

    def at(self, step: int, clock: Clock | None = None) -> float:
        """The schedule's value after such a share of the training.

        Raises:
            ValueError: nobody knows how long the training is, as in plain SVI.
        """
        if clock is None:
            raise ValueError(NO_CLOCK)
        return self.schedule(step / max(1, clock.steps_per_epoch * clock.epochs))


def as_schedule(value: float | Schedule) -> Schedule:
    """A schedule as it is, and a number as the schedule that is constant.

    Args:
        value: a finite number or a :class:`Schedule`.

    Raises:
        ValueError: if the number is not finite.
        TypeError: if it is neither.

    Example:
        >>> as_schedule(2)(7)
        2.0
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(f"a weight must be a number or a Schedule, got {type(value).__name__}")
    if not isfinite(value):
        raise ValueError(f"a weight must be finite, got {value}")
    return Constant(float(value))
