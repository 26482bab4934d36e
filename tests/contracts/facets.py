"""Two small stories of facets, for the contracts: ladders without kinks, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pyromix.guides import GaussianHead, Guide, LadderGuide, OptimalAssignment
from pyromix.models import Bernoulli, Facets, GaussianMixture, MixtureVAE
from pyromix.networks import LadderDecoder, LadderEncoder
from pyromix.testing.brute_force import log_joint, log_likelihood
from pyromix.testing.quadrature import grid

from .written_out import normal_log_density

X = 3
RULES: dict[str, Callable[[LadderGuide, Facets], Guide]] = {
    "marginal": lambda guide, prior: guide,
    "optimal": OptimalAssignment,
}


def smooth(size: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(size, width), nn.Tanh())


def facets_story(
    rule: str,
    n_clusters: Sequence[int] = (3, 4),
    latent_dims: Sequence[int] = (2, 1),
    seed: int = 0,
) -> tuple[MixtureVAE, Guide]:
    """J facets with parameters away from every symmetry; the first has full covariances."""
    widths = (5, 4)[: len(latent_dims)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mixtures = [
            GaussianMixture(k, dim, covariance="diag" if j else "full")
            for j, (k, dim) in enumerate(zip(n_clusters, latent_dims, strict=True))
        ]
        backbones = [smooth(a, b) for a, b in zip((X, *widths), widths, strict=False)]
        encoder = LadderEncoder(backbones, [nn.Identity() for _ in widths], widths, 1)
        decoder = LadderDecoder(
            latent_dims,
            [smooth(dim, 5) for dim in latent_dims],
            [nn.Linear(5, X), *(smooth(5, 5) for _ in widths[1:])],
            torch.add,
            (X,),
        )
        prior = Facets(*mixtures)
        heads = {
            f"z_{j}": GaussianHead(width, dim, log_scale=-2.0)
            for j, (width, dim) in enumerate(zip(widths, latent_dims, strict=True))
        }
        model = MixtureVAE(prior, Bernoulli(decoder, (X,)))
        guide = RULES[rule](LadderGuide(encoder, **heads), prior)
        for parameter in (*model.parameters(), *guide.parameters()):
            parameter.data += 0.2 * torch.randn_like(parameter)
    return model.double(), guide.double()


def binary(n: int = 3) -> Tensor:
    """Data, ``(n, X)``."""
    generator = torch.Generator().manual_seed(n)
    return (torch.randn(n, X, generator=generator) > 0).double()


def loss_by_hand(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor,
    rule: str,
    weights: Sequence[float],
    points: int = 121,
) -> Tensor:
    """-E log p(x | z) + Σ_j β_j [E log q(z_j) - E log p(z_j, c_j) - H(c_j)] on a grid, J = 2."""
    laws = guide.posterior(x)
    (first, weight_0), (second, weight_1) = (grid(laws[site], points) for site in ("z_0", "z_1"))
    shape = (len(first), len(second), len(x), -1)
    code = torch.cat([first.unsqueeze(1).expand(shape), second.expand(shape)], -1)
    log_x = log_likelihood(model.likelihood, code, x)
    loss = -torch.einsum("sb,tb,stb->b", weight_0, weight_1, log_x)
    for mixture, weight, law, z, mass in zip(
        model.prior.mixtures,
        weights,
        (laws["z_0"], laws["z_1"]),
        (first, second),
        (weight_0, weight_1),
        strict=True,
    ):
        joint = log_joint(mixture, z, None)  # (S, B, K)
        if rule == "marginal":
            clusters = (mass * joint.logsumexp(-1)).sum(0)
        else:
            clusters = (mass.unsqueeze(-1) * joint).sum(0).logsumexp(-1)
        negative_entropy = (mass * normal_log_density(z, law.mean, law.stddev)).sum(0)
        loss = loss + weight * (negative_entropy - clusters)
    return loss.mean()
