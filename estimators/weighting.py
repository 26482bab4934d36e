"""Which rows a fit sees: as often as their weights say, and in an order of their own."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..inference import Rows


def read_weights(sample_weight: ArrayLike | None, n: int) -> NDArray[np.float64] | None:
    """Weights of rows, ``(N,)``.

    Raises:
        ValueError, TypeError: other than one for each row, negative or missing ones, or all zero.
    """
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"sample_weight holds {given.dtype.name}: give a number for each row")
    if given.shape != (n,):
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight has shape {given.shape}, "
            f"and X has {n} rows; use ({n},)"
        )
    weights = given.astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"sample_weight holds {weights[wrong[0]]:g} in row {wrong[0]}: use numbers from 0"
        )
    if not weights.any():
        raise ValueError("sample_weight is zero in every row: one weight above zero is needed")
    return weights


def repeated(weights: NDArray[np.float64], seed: int) -> Tensor:
    r"""The rows that stand for weighted ones, each as often as its weight says.

    Whole weights repeat their rows. Others are brought to a mean of one, and a row of weight w is
    there :math:`\lfloor w \rfloor` or :math:`\lceil w \rceil` times, and w times in expectation, so
    that losses and gradients are the weighted ones in expectation: a systematic sample.

    Args:
        weights: ``(N,)``, from 0.
        seed: of the sample.

    Returns:
        Numbers of rows in order, as many as the sum of whole weights, or N.

    Example:
        >>> repeated(np.array([2.0, 0.0, 1.0]), seed=0)
        tensor([0, 0, 2])
        >>> repeated(np.array([1.5, 0.5, 1.0]), seed=0)
        tensor([0, 1, 2])

    References:
        Madow (1949). On the theory of systematic sampling, II. Annals of Mathematical Statistics
        20.
    """
    if bool((weights % 1 == 0).all()):
        times = weights.astype(np.int64)
    else:
        edges = np.concatenate([[0.0], weights.cumsum()]) * (len(weights) / weights.sum())
        edges[-1] = len(weights)
        points = np.floor(edges - np.random.RandomState(seed).rand()).astype(np.int64)
        times = np.diff(points)
    return torch.from_numpy(np.arange(len(weights)).repeat(times))


def in_own_order(data: Rows, taken: Tensor | None, batch_size: int) -> Tensor | None:
    """The rows of a fit, in an order of their own where all of them are one batch.

    Sums over them are all that such a fit needs, and the order in which they were given is no part
    of the data: they are put in that of their bytes, and whichever it was the fit has the same
    bits. Rows that are more than a batch are drawn by their numbers: another order makes other
    batches.

    Args:
        data: with companions.
        taken: numbers of rows, each as often as it counts; ``None`` for all.
        batch_size: rows of a batch.

    Returns:
        Their numbers; ``None`` for all as they come.

    Example:
        >>> in_own_order(Rows(torch.tensor([[1.0], [2.0]])), None, batch_size=8)
        tensor([1, 0])
    """
    numbers = torch.arange(len(data)) if taken is None else taken
    if len(numbers) > batch_size:
        return taken
    some = [each[numbers].cpu().numpy() for each in (data.x, *data.companions.values())]
    keys = [b"".join(each[row].tobytes() for each in some) for row in range(len(numbers))]
    return numbers[sorted(range(len(numbers)), key=keys.__getitem__)]
