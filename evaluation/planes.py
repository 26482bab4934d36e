"""Maps of codes to the plane that respect the space they live in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA

from .style import FloatArray

SMALLEST = 1e-6
SPACES = ("real", "positive", "sphere", "simplex", "unit_interval")
METHODS = ("components", "umap")


class Plane(NamedTuple):
    """A map to the plane.

    Attributes:
        project: codes ``(N, D)`` to points ``(N, 2)``.
        names: of the two axes.
        circles: radii of circles about the origin that mean something.
    """

    project: Callable[[FloatArray], FloatArray]
    names: tuple[str, str]
    circles: tuple[float, ...] = ()


def plane_of(z: FloatArray, space: str, method: str, seed: int = 0) -> Plane:
    r"""The plane that codes are mapped to.

    Two dimensions are shown as they are. Of more it is the two leading principal components, of
    positive codes of log z, or what UMAP makes of them. On the sphere of three dimensions it is
    Lambert's azimuthal equal-area map about the mean direction,

    .. math:: z \mapsto \sqrt{\tfrac{2}{1 + m^\top z}}\, (z - m m^\top z),

    in which equal areas are equal and the whole sphere is a disc of radius 2; of more dimensions
    the principal components of the tangent vectors at the mean direction, as long as the arcs to z.

    Args:
        z: codes, ``(N, D)``.
        space: where they live: ``"real"``, ``"positive"``, ``"sphere"``, …
        method: ``"components"`` or ``"umap"``.
        seed: of UMAP.

    Raises:
        ValueError: a space or a method of another name.

    References:
        Lambert (1772). Anmerkungen und Zusätze zur Entwerfung der Land- und Himmelscharten.
        Fletcher, Lu, Pizer & Joshi (2004). Principal geodesic analysis. IEEE TMI 23.
    """
    for name, value, known in (("space", space, SPACES), ("method", method, METHODS)):
        if value not in known:
            raise ValueError(f"{name} is {value!r}: use {' or '.join(map(repr, known))}")
    if method == "umap" and z.shape[1] > 2:
        return _umap(z, space, seed)
    if z.shape[1] == 1:
        return Plane(_jittered, ("$z_1$", "random, to spread the points"))
    if space == "sphere":
        return _sphere(z)
    log = space == "positive"
    chart = _logarithm if log else _itself
    if z.shape[1] == 2:
        return Plane(chart, (r"$\log z_1$", r"$\log z_2$") if log else ("$z_1$", "$z_2$"))
    return _components(z, chart, " of log z" if log else "")


def _components(z: FloatArray, chart: Callable[[FloatArray], FloatArray], of: str = "") -> Plane:
    pca = PCA(2, random_state=0).fit(chart(z))
    first, second = pca.explained_variance_ratio_

    def project(codes: FloatArray) -> FloatArray:
        return np.asarray(pca.transform(chart(codes)), np.float64)

    between = "\n" if of else " "
    names = (
        f"principal component 1{of}{between}"
        f"({first:.0%} of the variance of {z.shape[1]} dimensions)",
        f"principal component 2 ({second:.0%})",
    )
    return Plane(project, names)


def _sphere(z: FloatArray) -> Plane:
    mean = unit(unit(z).mean(0, keepdims=True))[0]
    if z.shape[1] == 2:
        return Plane(unit, ("$z_1$", "$z_2$"), (1.0,))

    def tangent(codes: FloatArray) -> FloatArray:
        """Vectors at right angles to the mean, as long as the arcs."""
        there = unit(codes)
        along = (there @ mean)[:, None]
        across = there - along * mean
        angle: FloatArray = np.arctan2(np.linalg.norm(across, axis=1, keepdims=True), along)
        return angle * unit(across)

    if z.shape[1] > 3:
        return _components(z, tangent, " on the sphere")
    basis = np.linalg.svd(mean[None])[2][1:]  # (2, 3), at right angles to the mean

    def lambert(codes: FloatArray) -> FloatArray:
        there = unit(codes)
        near = np.maximum(1 + there @ mean, 1e-12)
        found: FloatArray = np.sqrt(2 / near)[:, None] * (there @ basis.T)
        return found

    names = ("equal-area map about the mean direction", "(dotted: a quarter turn away)")
    return Plane(lambert, names, (2.0, 2.0**0.5))


def _umap(z: FloatArray, space: str, seed: int) -> Plane:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP

        chart = {"positive": _logarithm, "sphere": unit}.get(space, _itself)
        reducer = UMAP(
            n_neighbors=min(15, len(z) - 1),
            metric="cosine" if space == "sphere" else "euclidean",
            random_state=seed,
            n_jobs=1,
        ).fit(chart(z))

    def project(codes: FloatArray) -> FloatArray:
        if codes is z:
            return np.asarray(reducer.embedding_, np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(reducer.transform(chart(codes)), np.float64)

    return Plane(project, ("UMAP 1, whose distances mean little", "UMAP 2"))


def unit(z: FloatArray) -> FloatArray:
    """Vectors at unit length, zeros as they are."""
    length = np.linalg.norm(z, axis=-1, keepdims=True)
    found: FloatArray = np.divide(z, length, out=np.zeros_like(z), where=length > 0)
    return found


def cap(draws: FloatArray, held: float = 1 - np.exp(-2.0)) -> FloatArray:
    """The circle on the sphere about the mean direction of draws that holds that share of them.

    Args:
        draws: on the sphere, ``(n, 3)``.
        held: the share.

    Returns:
        Points along it, ``(361, 3)``.
    """
    there = unit(draws)
    mean = unit(there.mean(0, keepdims=True))[0]
    angle = np.quantile(np.arccos((there @ mean).clip(-1, 1)), held)
    basis = np.linalg.svd(mean[None])[2][1:]
    turn = np.linspace(0, 2 * np.pi, 361)
    around = np.stack([np.cos(turn), np.sin(turn)], 1) @ basis
    found: FloatArray = np.cos(angle) * mean + np.sin(angle) * around
    return found


def _itself(z: FloatArray) -> FloatArray:
    return z


def _logarithm(z: FloatArray) -> FloatArray:
    found: FloatArray = np.log(np.maximum(z, SMALLEST))
    return found


def _jittered(z: FloatArray) -> FloatArray:
    return np.column_stack([z[:, 0], np.random.default_rng(0).uniform(-1, 1, len(z))])
