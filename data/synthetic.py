"""Two-dimensional sets with known clusters: the pinwheel and the arcs that GMVAE is shown on.

References:
    Johnson et al. (2016). Composing graphical models with neural networks. NeurIPS (pinwheel).
    Dilokthanakul et al. (2016). Deep unsupervised clustering with GMVAE. arXiv 1611.02648, §4.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .dataset import Dataset

N_ARMS = 5


def pinwheel(n_samples: int = 10_000, *, seed: int = 0) -> Dataset:
    r"""Draw the five curved arms of a pinwheel.

    .. math::
        r \sim \mathcal N(1, .23^2), \quad t \sim \mathcal N(0, .042^2), \quad
        x = .7\, R\bigl(\tfrac{2\pi j}{5} - \tfrac14 e^r\bigr)\, (r, t)^\top

    Args:
        n_samples: number of points, N; the arm j of each is drawn uniformly.
        seed: of the generator; equal seeds give equal bits.

    Returns:
        ``x``: an ``(N, 2)`` table; ``labels``: the arm of each point.

    Example:
        >>> pinwheel(100).x.shape
        (100, 2)
    """
    rng = np.random.default_rng(seed)
    arm = rng.integers(N_ARMS, size=n_samples)
    radius = 1 + 0.23 * rng.standard_normal(n_samples)
    tangent = 0.042 * rng.standard_normal(n_samples)
    angle = 2 * np.pi * arm / N_ARMS - 0.25 * np.exp(radius)
    return _dataset(0.7 * _rotate(radius, tangent, angle), arm, "pinwheel")


def arcs(n_samples: int = 10_000, *, seed: int = 0) -> Dataset:
    r"""Draw points on arcs of five circles that share no point, with a little noise across them.

    Arc j covers two fifths of the circle of radius 1 whose centre lies at distance 1.4 from the
    origin in direction :math:`2\pi j/5`, and begins where the circle comes nearest to the origin;
    the noise has standard deviation .04. The paper names arcs of five circles but not their
    places: these are ours.

    Args:
        n_samples: number of points, N; the arc of each is drawn uniformly.
        seed: of the generator; equal seeds give equal bits.

    Returns:
        ``x``: an ``(N, 2)`` table; ``labels``: the arc of each point.

    Example:
        >>> sorted(set(arcs(100).labels.tolist()))
        [0, 1, 2, 3, 4]
    """
    rng = np.random.default_rng(seed)
    arm = rng.integers(N_ARMS, size=n_samples)
    along = np.pi * rng.uniform(1, 1.8, n_samples)
    radius = 1 + 0.04 * rng.standard_normal(n_samples)
    across, up = 1.4 + radius * np.cos(along), radius * np.sin(along)
    return _dataset(_rotate(across, up, 2 * np.pi * arm / N_ARMS), arm, "arcs")


def _rotate(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], angle: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Turn the points (first, second), each (N,), counter-clockwise: (N, 2)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * first - sin * second, sin * first + cos * second], -1)


def _dataset(points: npt.NDArray[np.float64], arm: npt.NDArray[np.int64], name: str) -> Dataset:
    return Dataset(points.astype(np.float32), arm.astype(np.int64), name, ("arm",))
