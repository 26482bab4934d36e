"""Draws of the clusters of data, beside draws of their codes, by the guide's rule."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ..training import derive_seed
from .noise import Noise, keys_of


def cluster_draws(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    posteriors: Mapping[str, TorchDistribution],
    latents: Mapping[str, Tensor],
    logits: Mapping[str, Tensor],
    seed: int,
) -> dict[str, Tensor]:
    """Clusters from q(c | x) by the guide's rule, one for each draw of the latents ``(n, B, D)``.

    Args:
        model: the story.
        guide: its guide.
        x: the data, ``(B, *event)``.
        posteriors: what :meth:`Guide.infer` says of continuous latents.
        latents: draws of them.
        logits: what it says of clusters.
        seed: same seed, same draws.

    Returns:
        By clustering site, ``(n, B)``.
    """
    keys, n = keys_of(x), len(next(iter(latents.values())))
    found = {}
    for mixture in model.prior.mixtures:
        site = mixture.site("c")
        gamma = _responsibilities(guide, mixture, posteriors, latents, logits)
        uniform = Noise(keys, n, derive_seed(seed, site)).uniform(torch.Size([]))
        found[site] = (gamma.double().cumsum(-1)[..., :-1] < uniform.unsqueeze(-1)).sum(-1)
    return found


def _responsibilities(
    guide: Guide,
    mixture: MixturePrior,
    posteriors: Mapping[str, TorchDistribution],
    latents: Mapping[str, Tensor],
    logits: Mapping[str, Tensor],
) -> Tensor:
    """q(c | x) by the guide's rule, given draws ``(n, B, D)``: ``(n, B, K)`` or ``(B, K)``."""
    if mixture.site("c") in logits:
        return logits[mixture.site("c")].softmax(-1)
    if guide.assignment == "optimal":
        style = latents.get(mixture.site("w"))
        return mixture.expected_log_joint(posteriors[mixture.site("z")], style).softmax(-1)
    return mixture.responsibilities(**mixture.own(latents))
