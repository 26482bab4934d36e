"""A room, a wall and one object: pictures with the factors of 3DShapes, made here, fetched nowhere.

Colour enters a picture linearly, so only scale, shape and orientation are rendered (480 scenes at
most): each becomes four layers, the light that floor, wall and object return and the highlight.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .dataset import Dataset, FloatArray, IntArray
from .factors import SHAPES3D, Factors, combinations, read_shapes3d, varying
from .vision import Split

CONFIGURATIONS: dict[int, Factors] = {
    1: {"wall_hue": 5, "object_hue": 6},
    2: {"floor_hue": 0, "object_hue": 6},
}
TRAIN_SHARE = 0.8

_VERSION = 1
_ROOM = 3.0
_TARGET = np.array([0, 0, 0.62], np.float32)
_LIGHT = np.array([-1.6, -2.6, 4.2], np.float32)
_OVERSAMPLING = 3

Points = npt.NDArray[np.float32]


def render(table: npt.ArrayLike, size: int = 32) -> FloatArray:
    """Render scenes, rounded to 8 bits a channel.

    Args:
        table: ``(N, 6)`` levels of the factors in the order of ``SHAPES3D``.
        size: height and width in pixels.

    Returns:
        ``(N, 3, size, size)`` in [0, 1].

    Example:
        >>> render([[0, 5, 6, 7, 0, 3]]).shape
        (1, 3, 32, 32)
    """
    levels = np.asarray(table, np.int64)
    floor, wall, thing, *geometry = levels.T
    scenes, which = np.unique(np.stack(geometry, -1), axis=0, return_inverse=True)
    layers = np.stack([_layers(int(a), int(b), int(c), size) for a, b, c in scenes])
    palette = hue_colours(10)
    colours = np.stack(
        [palette[floor], palette[wall], palette[thing], np.ones((len(levels), 3))], 1
    )
    images = np.empty((len(levels), 3, size, size), np.float32)
    for start in range(0, len(levels), 512):
        part = slice(start, start + 512)
        lit = np.einsum("nlc,nlhw->nchw", colours[part], layers[which[part]], optimize=True)
        images[part] = np.round(np.clip(lit, 0, 1) * 255) / 255
    return images


def shapes3d(
    factors: Factors | int = 1,
    *,
    size: int = 32,
    split: Split = "train",
    root: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Make or read pictures of every combination of the chosen factors, in a seeded order.

    Args:
        factors: levels to keep by name, others taking all of theirs; or 1 or 2, the paper's
            configurations of 4,800 images: the hue of the floor (1) or the wall (2) varies with
            scale, shape and orientation.
        size: height and width in pixels; 32 in the paper.
        split: four fifths for training, the rest for the test, as in the paper's code.
        root: where made pictures are kept. A ``3dshapes.h5`` lying there is read instead.

    Returns:
        ``x``: ``(N, 3, size, size)`` in [0, 1]; ``labels``: the factors that vary.

    References:
        Falck et al. (2021). Multi-facet clustering variational autoencoders. arXiv 2106.05241.
    """
    name = "shapes3d"
    if isinstance(factors, int):
        if factors not in CONFIGURATIONS:
            raise ValueError(f"configuration must be 1 or 2, got {factors}")
        name = f"shapes3d-{factors}"
        factors = CONFIGURATIONS[factors]
    table = combinations(SHAPES3D, factors)
    labels, names = varying(table, SHAPES3D)
    folder = None if root is None else Path(root).expanduser()
    if folder is not None and (folder / "3dshapes.h5").is_file():
        x, name = read_shapes3d(folder / "3dshapes.h5", factors, size).x, f"{name}-original"
    elif folder is not None and name != "shapes3d":
        x = _cached(folder / "shapes3d" / f"{name}-{size}px-v{_VERSION}.npz", table, size)
    else:
        x = render(table, size)
    order = np.random.default_rng(0).permutation(len(table))
    n_train = int(TRAIN_SHARE * len(table))
    rows = order[:n_train] if split == "train" else order[n_train:]
    return Dataset(x[rows], labels[rows], name, names)


def hue_colours(n: int) -> FloatArray:
    """n hues round the circle, bright, ``(n, 3)``."""
    from matplotlib.colors import hsv_to_rgb

    hues = np.stack([np.arange(n) / n, np.full(n, 0.92), np.ones(n)], -1)
    return np.asarray(hsv_to_rgb(hues), np.float32)


def _cached(path: Path, table: IntArray, size: int) -> FloatArray:
    damage = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with contextlib.suppress(*damage), path.open("rb") as file:
        return np.asarray(np.load(file, allow_pickle=False)["x"] / np.float32(255), np.float32)
    x = render(table, size)
    # A cache that cannot be written costs seconds, not the run.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.npz")
        np.savez_compressed(draft, x=np.round(x * 255).astype(np.uint8))
        draft.replace(path)
    return x


def _layers(scale: int, shape: int, orientation: int, size: int) -> Points:
    """The light of floor, wall, object and highlight in one scene: (4, size, size)."""
    stretch = np.float32(0.75 + 0.5 * scale / 7)
    angle = np.deg2rad(-30 + 60 * orientation / 14)
    eye = _TARGET + np.array([4.6 * np.sin(angle), -4.6 * np.cos(angle), 1.35], np.float32)
    rays = _rays(eye, size * _OVERSAMPLING)
    behind, normal, is_floor = _room(eye, rays)
    points = eye + behind[:, None] * rays
    reached, hit = _march(eye, rays, behind, shape, stretch)
    points[hit] = eye + reached[hit, None] * rays[hit]
    normal[hit] = _gradient(points[hit], shape, stretch)
    to_light = _unit(_LIGHT - points)
    facing = np.clip((normal * to_light).sum(1), 0, 1)
    lit = facing * _shadow(points + 0.02 * normal, to_light, shape, stretch)
    light = _corners(points, hit) * (0.48 + 0.14 * normal[:, 2] + 0.52 * lit)
    near = np.exp(-3.5 * np.clip(_distance(points[~hit], shape, stretch), 0, None))
    light[~hit] *= 1 - 0.45 * near
    half = _unit(to_light - rays)
    highlight = hit * 0.35 * np.clip((normal * half).sum(1), 0, 1) ** 40 * (lit > 0)
    stack = np.stack(
        [light * (is_floor & ~hit), light * (~is_floor & ~hit), light * hit, highlight]
    )
    cells = stack.reshape(4, size, _OVERSAMPLING, size, _OVERSAMPLING)
    return np.asarray(cells.mean((2, 4)), np.float32)


def _rays(eye: Points, size: int) -> Points:
    forward = _unit(_TARGET - eye)
    right = _unit(np.array([forward[1], -forward[0], 0], np.float32))
    up = np.cross(right, forward)
    step = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * np.float32(0.29)
    v, u = np.meshgrid(-step, step, indexing="ij")
    across, upward = u.reshape(-1, 1) * right, v.reshape(-1, 1) * up
    return _unit((forward + across + upward).astype(np.float32))


def _room(eye: Points, rays: Points) -> tuple[Points, Points, npt.NDArray[np.bool_]]:
    """Where rays leave the room, open in front: distance, inward normal, whether by the floor."""
    with np.errstate(divide="ignore"):
        floor = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
        side = (np.copysign(_ROOM, rays[:, 0]) - eye[0]) / rays[:, 0]
        back = np.where(rays[:, 1] > 0, (_ROOM - eye[1]) / rays[:, 1], np.inf)
    ways = np.stack([floor, side, back])
    first = ways.argmin(0)
    normal = np.zeros_like(rays)
    normal[first == 0, 2] = 1
    normal[first == 1, 0] = -np.sign(rays[first == 1, 0])
    normal[first == 2, 1] = -1
    return ways.min(0).astype(np.float32), normal, first == 0


def _distance(points: Points, shape: int, stretch: np.float32) -> Points:
    """Signed distance of points (M, 3) from the object, which stands on the floor: (M,)."""
    x, y, z = (points / stretch).T
    if shape == 0:
        q = np.abs(np.stack([x, y, z - 0.5])) - 0.46
        gap = np.sqrt(np.square(np.maximum(q, 0)).sum(0)) + np.minimum(q.max(0), 0) - 0.04
    elif shape == 1:
        q = np.stack([np.hypot(x, y) - 0.48, np.abs(z - 0.5) - 0.46])
        gap = np.sqrt(np.square(np.maximum(q, 0)).sum(0)) + np.minimum(q.max(0), 0) - 0.04
    elif shape == 2:
        gap = np.sqrt(x * x + y * y + np.square(z - 0.58)) - 0.58
    else:
        axis = z - np.clip(z, 0.4, 0.95)
        gap = np.sqrt(x * x + y * y + axis * axis) - 0.4
    return np.asarray(gap * stretch, np.float32)


def _march(
    eye: Points, rays: Points, limit: Points, shape: int, stretch: np.float32
) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Follow rays by safe steps until they meet the object: distance and whether they do."""
    reached = np.zeros(len(rays), np.float32)
    hit = np.zeros(len(rays), np.bool_)
    active = _passes(np.broadcast_to(eye, rays.shape), rays, 0.95 * stretch, stretch)
    for _ in range(60):
        gap = _distance(eye + reached[active, None] * rays[active], shape, stretch)
        reached[active] += gap
        hit[active] = gap < 1e-3
        active = active[(gap >= 1e-3) & (reached[active] < limit[active])]
        if not len(active):
            break
    return reached, hit & (reached < limit)


def _gradient(points: Points, shape: int, stretch: np.float32) -> Points:
    steps = 1e-2 * np.eye(3, dtype=np.float32)
    ahead = [_distance(points + step, shape, stretch) for step in steps]
    before = [_distance(points - step, shape, stretch) for step in steps]
    return _unit(np.stack(ahead, -1) - np.stack(before, -1))


def _shadow(points: Points, to_light: Points, shape: int, stretch: np.float32) -> Points:
    """How much of the light gets past the object, with soft edges (Quilez 2010): (M,) in [0, 1]."""
    light = np.ones(len(points), np.float32)
    near = _passes(points, to_light, 1.5 * stretch, stretch)
    start, way = points[near], to_light[near]
    travelled = np.full(len(start), 0.03, np.float32)
    for _ in range(28):
        gap = _distance(start + travelled[:, None] * way, shape, stretch)
        light[near] = np.minimum(light[near], np.clip(0.5 + 5 * gap / travelled, 0, 1))
        travelled += np.clip(gap, 0.04, 0.3)
    return light


def _passes(
    start: Points, way: Points, radius: np.float32, stretch: np.float32
) -> npt.NDArray[np.intp]:
    """Which lines come within a radius of the middle of the object."""
    across = start - np.array([0, 0, 0.6], np.float32) * stretch
    across = across - (across * way).sum(1, keepdims=True) * way
    return np.flatnonzero(np.square(across).sum(1) < radius**2)


def _corners(points: Points, hit: npt.NDArray[np.bool_]) -> Points:
    """Darken the room where two of its planes meet: (M,)."""
    gaps = np.stack([points[:, 2], _ROOM - np.abs(points[:, 0]), _ROOM - points[:, 1]])
    second = np.sort(gaps, axis=0)[1]
    return np.where(hit, 1, 1 - 0.22 * np.exp(-2.5 * second)).astype(np.float32)


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)
