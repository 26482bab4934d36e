"""Building what a file describes, within what the file's own weights can be for.

A run's ``config.json`` may say of a model what it likes: a billion clusters, or layers without end.
What is built to hold the weights beside it needs no more room than they.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

LARGEST = 2**23  # numbers in a tensor that is made however small the weights are, 32 MiB
TENSORS = 1_000


class Bounded(TorchDispatchMode):
    """A scope in which no tensors are made beyond a size and a number.

    Args:
        numbers: in the weights that the tensors are for.

    Example:
        >>> import torch
        >>> with Bounded(10):
        ...     _ = torch.zeros(3, 4)
        >>> with Bounded(10):
        ...     _ = torch.zeros(10**6, 10**6)
        Traceback (most recent call last):
        ValueError: a tensor of (1000000, 1000000) is asked for, and the weights have 10 numbers
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = numbers
        self.left = TENSORS + min(numbers // 4, 20 * TENSORS), 4 * numbers + 4 * LARGEST

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Look at what is asked for before it is made."""
        size = args[0] if args else None
        if isinstance(size, list | tuple) and all(isinstance(side, int) for side in size):
            asked, (tensors, numbers) = prod(size), self.left
            self.left = tensors - 1, numbers - asked
            if asked > max(LARGEST, 4 * self.numbers) or min(self.left) < 0:
                more = "one more" if tensors <= 0 else "a"
                raise ValueError(
                    f"{more} tensor of {tuple(size)} is asked for, and the weights have "
                    f"{self.numbers:,} numbers"
                )
        return func(*args, **(kwargs or {}))


@contextmanager
def believing(path: Path) -> Iterator[None]:
    """A scope that builds what the run in a folder describes; what fails is the description.

    Args:
        path: the folder.

    Raises:
        ValueError: in one line, whatever is wrong.
    """
    weights = path / "weights.safetensors"
    numbers = weights.stat().st_size // 4 if weights.exists() else 0
    try:
        with Bounded(numbers):
            yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path}/config.json makes no model: {reason}") from error


def described(path: Path, data: object) -> tuple[tuple[int, ...], Any, int | tuple[int, ...]]:
    """The shape of a datum, the likelihood and the number of clusters that a run tells of.

    Raises:
        ValueError: it does not, or they are none.
    """
    try:
        if not isinstance(data, Mapping):
            raise TypeError("its data are no object")
        sides, k = data["event_shape"], data["n_clusters"]
        wanted = [*sides, *(k if isinstance(k, list) else [k])]
        if not sides or not all(type(each) is int and each > 0 for each in wanted):
            raise TypeError("they are no positive whole numbers")
        return tuple(sides), data["likelihood"], tuple(k) if isinstance(k, list) else k
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path}/config.json says no event_shape, likelihood or n_clusters: {error}"
        ) from error
