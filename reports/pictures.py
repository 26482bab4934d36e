"""The pictures that a fit leaves, and what they are drawn from."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from ..data import Dataset
from ..estimators import MFCVAE, DeepMixture
from ..evaluation import (
    best_facets,
    cluster_grid,
    confusion,
    curves,
    facet_grids,
    facet_heatmap,
    latent_map,
    parts_picture,
    restarts_picture,
    starts_picture,
    style_grid,
    swap_grid,
)
from ..evaluation.fit_plots import CHOICE
from ..evaluation.planes import SPACES
from ..inference import conditional, decode, sample, seeded
from ..inference.prediction import device_of, evaluating
from ..models import MixtureVAE
from .fits import by_facet
from .scores import Gammas, label_columns

IMAGES_PER_CLUSTER = 10
VECTORS_PER_CLUSTER = 200
SWAPPED = (6, 8)
PRIOR_DRAWS = 5000
FEWEST = 20  # draws that an ellipse is drawn of


def draw_pictures(
    estimator: DeepMixture, data: Dataset, gammas: Gammas
) -> Iterator[tuple[str, Figure]]:
    """The pictures of a fit, by name.

    Args:
        estimator: fitted.
        data: what is shown.
        gammas: its responsibilities, for each facet ``(N, K_j)``.
    """
    yield from _of_training(estimator.history_)
    clusters = np.stack([gamma.argmax(-1) for gamma in gammas], -1)
    several = len(gammas) > 1
    labels = list(label_columns(data))
    known = labels[0] if len(labels) == 1 else None
    for j, z in enumerate(by_facet(estimator.transform(data.named))):
        suffix = f"-facet-{j}" if several else ""
        values, classes = (None, ()) if known is None else (known.values, known.classes)
        space, components = prior_of(estimator, j)
        yield (
            f"latent-map{suffix}",
            latent_map(
                z,
                clusters[:, j],
                values,
                class_names=classes,
                space=space,
                components=components,
            ),
        )
    for label in labels:
        suffix = "" if known is not None else f"-{label.name.replace(' ', '-')}"
        best = clusters[:, best_facets(label.values, clusters)[0]]
        figure = confusion(label.values, best, class_names=label.classes, label_name=label.name)
        yield f"confusion{suffix}", figure
    number = IMAGES_PER_CLUSTER if data.image_shape else VECTORS_PER_CLUSTER
    yield "clusters", samples_picture(estimator, data.image_shape, number)
    if several and data.labels is not None:
        yield "facets", facet_heatmap(data.labels, clusters, data.label_names)
    if isinstance(estimator, MFCVAE) and several and data.image_shape:
        yield "swap", swaps(estimator, data)
    if not several and data.image_shape and "w" in estimator.model_.prior.mixtures[0].latent_dims:
        yield "styles", styles(estimator, data.image_shape)


def _of_training(history: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Figure]]:
    """The curves, the parts on one scale, and restarts and starts where there were several."""
    yield "curves", curves(history)
    phases = [str(row["phase"]) for row in history if "loss" in row]
    joint = [phase for phase in dict.fromkeys(phases) if phase.startswith("train")]
    yield "parts", parts_picture(history, phase=joint[-1] if joint else phases[-1])
    if len(joint) > 1:
        yield "restarts", restarts_picture(history)
    if any(CHOICE.match(name) for row in history for name in row):
        yield "starts", starts_picture(history)


def prior_of(estimator: DeepMixture, facet: int) -> tuple[str, dict[int, NDArray[np.float32]]]:
    """Where a facet's codes live, and draws of the components that hold some, by cluster."""
    mixture = estimator.model_.prior.mixtures[facet]
    space = mixture.lives_on(estimator.guide_.posterior_like() or None)
    cluster, latents = prior_draws(estimator.model_, PRIOR_DRAWS)[facet]
    z = latents.numpy()
    held = (np.flatnonzero(cluster.numpy() == k) for k in range(mixture.n_clusters))
    return space if space in SPACES else "real", {
        k: z[rows] for k, rows in enumerate(held) if len(rows) >= FEWEST
    }


def prior_draws(model: MixtureVAE, n: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Clusters ``(n,)`` and codes ``(n, D)`` of each facet, from the story; nothing is decoded."""
    with evaluating(model), seeded(seed, "prior draws", device=device_of(model)):
        drawn = [mixture.draw_joint(n) for mixture in model.prior.mixtures]
    return [
        (cluster.cpu(), latents[mixture.site("z")].cpu())
        for mixture, (cluster, latents) in zip(model.prior.mixtures, drawn, strict=True)
    ]


def samples_picture(
    estimator: DeepMixture,
    image_shape: Sequence[int] | None,
    number: int,
    facet: int | None = None,
    cluster: int | None = None,
    seed: int = 0,
) -> Figure:
    """Means of samples of every cluster of every facet, or of those asked for.

    Args:
        estimator: fitted.
        image_shape: (C, H, W) where a datum is a picture.
        number: how many samples of each cluster.
        facet: whose clusters; by default those of all facets.
        cluster: by default all.
        seed: same seed, same samples.
    """
    n_clusters = estimator.clusterings()
    facets = range(len(n_clusters)) if facet is None else [facet]
    samples = [
        generated(
            estimator, range(n_clusters[j]) if cluster is None else [cluster], number, seed, j
        )
        for j in facets
    ]
    if len(facets) > 1:
        return facet_grids(samples, image_shape=image_shape)
    names = None if cluster is None else [str(cluster)]
    whose = "each cluster" if cluster is None else f"cluster {cluster}"
    title = f"Means of samples of {whose}"
    known = tuple(getattr(estimator, "feature_names_in_", ()))
    features = known if samples[0].shape[2:] == (len(known),) else ()
    return cluster_grid(
        samples[0], image_shape=image_shape, names=names, feature_names=features, title=title
    )


def generated(
    estimator: DeepMixture, clusters: Iterable[int], number: int, seed: int, facet: int
) -> NDArray[np.float32]:
    """The means of ``number`` samples of each cluster: ``(clusters, number, *event)``.

    The other facets vary. Every cluster has the same seed, and so the same style where the story
    has one.
    """
    rows = []
    for k in clusters:
        wanted = [k if j == facet else None for j in range(len(estimator.clusterings()))]
        x, _ = sample(estimator.model_, number, cluster=wanted, mean=True, seed=seed)
        rows.append(x.numpy())
    return np.stack(rows)


def styles(estimator: DeepMixture, image_shape: Sequence[int], number: int = 9) -> Figure:
    """The mean of every cluster, in rows, along the first axis of the style, in columns."""
    (k,), dim = estimator.clusterings(), estimator.model_.prior.mixtures[0].latent_dims["w"]
    w = torch.zeros(k, number, dim)
    w[..., 0] = torch.linspace(-2.0, 2.0, number)
    cluster = torch.arange(k).repeat_interleave(number)
    means = conditional(estimator.model_, cluster, w.flatten(0, 1), mean=True)
    cells = decode(estimator.model_, means).numpy().reshape(k, number, -1)
    title = "Clusters in styles, w_1 from -2 to 2"
    return style_grid(cells.reshape(k, number, *image_shape), image_shape=image_shape, title=title)


def swaps(estimator: MFCVAE, data: Dataset) -> Figure:
    """Some data recombined: facet 0 of those at the left, the other facets of those above."""
    n_left, n_above = SWAPPED
    left, above = data.x[:n_left], data.x[-n_above:]
    mixed = estimator.swap(
        above[None].repeat(len(left), 0).reshape(-1, *data.x.shape[1:]),
        left.repeat(len(above), 0),
        facets=[0],
    )
    names = ("facet 0", "facet 1" if len(estimator.clusterings()) == 2 else "the other facets")
    cells = mixed.reshape(len(left), *above.shape)
    return swap_grid(left, above, cells, names=names, image_shape=data.image_shape)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture.

    Raises:
        OSError: the disk is full; it names the picture.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        figure.savefig(path)
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
