"""Draws from a trained story, and replicates of data."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ...parts import Count, checked
from ..training import Rows, seeded
from .answers import BATCH_SIZE, Companions, batched, check_room, device_of, evaluating


@checked
def conditional(
    model: MixtureVAE, cluster: Tensor, w: Tensor, *, mean: bool = False, seed: int = 0
) -> dict[str, Tensor]:
    """Latents of given clusters and styles, to be decoded: each cluster in each style.

    Args:
        model: a story with a style latent, such as GMVAE's.
        cluster: ``(N,)``.
        w: styles, ``(N, W)``.
        mean: give E[z | c, w] in place of a draw; for pictures.
        seed: same seed, same draws.

    Returns:
        Latents by site, ``(N, D)`` and ``(N, W)``.

    Raises:
        ValueError: the story has no style latent, w is of another shape, or there is no such
            cluster.

    Example:
        >>> from torch import nn
        >>> from pyromix.inference import decode
        >>> from pyromix.models import Bernoulli, StyleMixture
        >>> model = MixtureVAE(StyleMixture(3, 2, 1), Bernoulli(nn.Linear(2, 64), (64,)))
        >>> cluster, style = torch.arange(3).repeat(5), torch.linspace(-2, 2, 15).unsqueeze(-1)
        >>> decode(model, conditional(model, cluster, style)).shape
        torch.Size([15, 64])
    """
    mixture = model.prior.mixtures[0]
    if _styled(model, w).shape[0] != len(cluster):
        raise ValueError(f"w holds {len(w)} styles for {len(cluster)} clusters: give one for each")
    if not bool(((cluster >= 0) & (cluster < mixture.n_clusters)).all()):
        raise ValueError(f"cluster goes beyond 0 to {mixture.n_clusters - 1}")
    device = device_of(model)
    with evaluating(model), seeded(seed, "conditional", device=device):
        latents = _in_style(mixture, cluster.to(device), w, mean=mean)
    return {site: value.cpu() for site, value in latents.items()}


def _styled(model: MixtureVAE, w: Tensor) -> Tensor:
    """Styles, if they are such of a story that has them."""
    mixture = model.prior.mixtures[0]
    if len(model.prior.mixtures) > 1 or "w" not in mixture.latent_dims:
        raise ValueError("this story has no style latent w: StyleMixture, GMVAE's prior, has one")
    if w.dim() != 2 or w.shape[1] != mixture.latent_dims["w"]:
        raise ValueError(f"w has shape {tuple(w.shape)}: use (N, {mixture.latent_dims['w']})")
    return w


def _in_style(
    mixture: MixturePrior, cluster: Tensor, w: Tensor, *, mean: bool = False
) -> dict[str, Tensor]:
    """Latents of clusters ``(B,)`` in styles ``(B, W)``."""
    w = w.to(next(mixture.parameters()))
    law = mixture.component(cluster, w)
    z: Tensor = law.mean if mean else law.sample()
    return {mixture.site("z"): z, mixture.site("w"): w}


@checked
def sample(
    model: MixtureVAE,
    n: Count,
    *,
    cluster: int | Sequence[int | None] | None = None,
    w: Tensor | None = None,
    mean: bool = False,
    companions: Companions | None = None,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw data from the story, of one cluster or of all, in styles of their own or given ones.

    Args:
        model: the story.
        n: how many to draw.
        cluster: the cluster to draw from; with several clusterings, one for each or ``None`` to
            let it vary, as by default: clusters and latents are then drawn together.
        w: styles, ``(n, W)``, of a story that has them.
        mean: give E[x | z] in place of a draw of x; for pictures.
        companions: of the data to be drawn, by name, ``(n, ...)`` each.
        seed: same seed, same data.
        batch_size: rows at a time.

    Returns:
        The data ``(n, *event)``, and the cluster of each by site, ``(n,)``.

    Raises:
        ValueError: a cluster that the story does not have, one too rare to be drawn from, ``n``
            below 1, or more than memory holds; a companion of another number of rows.
    """
    numbers = n * prod(model.likelihood.event_shape)
    check_room(numbers, f"n is {n}", "draw fewer at a time, each with another seed")
    wanted = _wanted(model.prior.mixtures, cluster)
    if w is not None and len(_styled(model, w)) != n:
        raise ValueError(f"w holds {len(w)} styles and n is {n}: give as many of both")
    drawn, clusters = [], []
    device = device_of(model)
    given = Rows(torch.empty(n), **(companions or {})).companions
    with evaluating(model), seeded(seed, "sample", device=device):
        for start in range(0, n, batch_size):
            size = min(batch_size, n - start)
            latents: dict[str, Tensor] = {}
            chosen: dict[str, Tensor] = {}
            for mixture, index in zip(model.prior.mixtures, wanted, strict=True):
                if index is None:
                    labels, own = mixture.draw_joint(size)
                else:
                    labels = torch.full((size,), index, device=device)
                    own = {} if w is not None else mixture.draw(labels)
                if w is not None:
                    own = _in_style(mixture, labels, w[start : start + size])
                latents |= own
                chosen[mixture.site("c")] = labels.cpu()
            its = {name: each[start : start + size].to(device) for name, each in given.items()}
            law = model.law(latents, **its)
            drawn.append((law.mean if mean else law.sample()).cpu())
            clusters.append(chosen)
    joined = {site: torch.cat([part[site] for part in clusters]) for site in clusters[0]}
    return torch.cat(drawn), joined


def _wanted(
    mixtures: Sequence[MixturePrior], cluster: int | Sequence[int | None] | None
) -> list[int | None]:
    given = list(cluster) if isinstance(cluster, Sequence) else [cluster] * len(mixtures)
    if len(given) != len(mixtures) or (isinstance(cluster, int) and len(mixtures) > 1):
        raise ValueError(
            f"cluster is {cluster}: this story has {len(mixtures)} clustering(s), "
            "give one cluster (or None) for each"
        )
    for mixture, index in zip(mixtures, given, strict=True):
        if index is not None and not 0 <= index < mixture.n_clusters:
            raise ValueError(
                f"cluster is {index}: this clustering has clusters 0 to {mixture.n_clusters - 1}"
            )
    return given


@checked
def posterior_predictive(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    n: Count = 1,
    *,
    seed: int = 0,
    batch_size: Count = BATCH_SIZE,
) -> Tensor:
    """Replicates of each datum, z from q(z | x) and x' from p(x' | z): ``(n, N, *event)``."""

    def replicate(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors = guide.posterior(rows, **companions)
        latents = {site: q.sample((n,)) for site, q in posteriors.items()}
        return {"x": model.law(latents, **companions).sample()}

    with seeded(seed, "posterior predictive", device=device_of(model)):
        return batched(model, guide, x, replicate, max(1, batch_size // n), dim=1)["x"]
