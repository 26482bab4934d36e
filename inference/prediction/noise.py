"""Random numbers that are a datum's own: the same wherever it stands and whatever is beside it.

A datum's noise is a function of a seed and of its own values, so that neither the batch nor the
order of the rows changes an answer, and the errors of different data are independent.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ..training import derive_seed


class Noise:
    """A stream of uniform and standard Normal numbers for each datum.

    All data share scrambled Sobol points, and each shifts them by a hash of its own values: within
    a datum they are evenly spread, between data independent.

    Args:
        keys: a whole number for each datum, ``(B,)``; see :func:`keys_of`.
        n: numbers for each datum, S.
        seed: of the stream.

    Example:
        >>> x = torch.randn(5, 3)
        >>> together, alone = Noise(keys_of(x), 8, 0), Noise(keys_of(x[3:4]), 8, 0)
        >>> torch.equal(together.uniform(torch.Size([2]))[:, 3:4], alone.uniform(torch.Size([2])))
        True

    References:
        Cranley & Patterson (1976). Randomization of number theoretic methods for multiple
        integration. SIAM Journal on Numerical Analysis 13.
    """

    def __init__(self, keys: Tensor, n: int, seed: int) -> None:
        self.keys = keys
        self.n = n
        self.seed = seed
        self.calls = 0

    def uniform(self, shape: torch.Size) -> Tensor:
        """Fresh numbers between 0 and 1, float64: ``(S, B, *shape)``."""
        self.calls += 1
        points, salt = _points(derive_seed(self.seed, self.calls), self.n, shape.numel())
        shift = _mix(self.keys.unsqueeze(-1) + salt.to(self.keys.device)) & (2**53 - 1)
        values = points.to(self.keys.device).unsqueeze(1) + shift.double() * 2.0**-53
        edge = 2.0**-40
        return (values % 1.0).clamp(edge, 1 - edge).reshape(self.n, len(self.keys), *shape)

    def normal(self, shape: torch.Size) -> Tensor:
        """Fresh standard Normal numbers, float64: ``(S, B, *shape)``."""
        normal: Tensor = torch.special.ndtri(self.uniform(shape))
        return normal


def keys_of(x: Tensor) -> Tensor:
    """A hash of each datum's values, ``(B, *event)`` to ``(B,)`` whole numbers of 64 bits."""
    values = x.flatten(1).double() + 0.0  # which makes -0.0 and 0.0 one, as all NaN are made
    bits = values.masked_fill(values.isnan(), torch.nan).view(torch.int64)
    words = bits ^ (bits >> 32)
    return _mix((words * _multipliers(words.shape[1]).to(x.device)).sum(-1))


def own_numbers(x: Tensor, seed: int) -> Tensor:
    """A number between 0 and 1 for each value, which its datum decides, ``(B, *event)``.

    Args:
        x: data, ``(B, *event)``.
        seed: of the numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    salt = torch.randint(-(2**62), 2**62, (x[0].numel(),), generator=generator)
    words = _mix(keys_of(x).unsqueeze(-1) + salt.to(x.device)) & (2**53 - 1)
    return (words.double() * 2.0**-53).reshape(x.shape)


@lru_cache(maxsize=32)
def _points(seed: int, n: int, dim: int) -> tuple[Tensor, Tensor]:
    """Scrambled Sobol points ``(n, dim)``, and what tells their dimensions apart in a hash.

    Scrambled anew they would still go together point by point: a shuffle makes calls independent.
    """
    generator = torch.Generator().manual_seed(seed)
    points = SobolEngine(dim, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    points = points[torch.randperm(n, generator=generator)]
    return points, torch.randint(-(2**62), 2**62, (dim,), generator=generator)


@lru_cache(maxsize=8)
def _multipliers(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(0, "keys", size))
    return 2 * torch.randint(-(2**62), 2**62, (size,), generator=generator) + 1


def _mix(words: Tensor) -> Tensor:
    """The last step of SplitMix64 (Steele, Lea & Flood 2014), its products modulo 2^64."""
    words = (words ^ (words >> 30)) * (0xBF58476D1CE4E5B9 - 2**64)
    words = (words ^ (words >> 27)) * (0x94D049BB133111EB - 2**64)
    return words ^ (words >> 31)
