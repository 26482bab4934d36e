"""The bound by hand: every cluster in a loop, every latent on a grid, every density written out."""

from __future__ import annotations

import math
from functools import singledispatch

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pyromix.guides import Guide
from pyromix.models import (
    Bernoulli,
    GammaMixture,
    GaussianMixture,
    Likelihood,
    MixturePrior,
    MixtureVAE,
    Normal,
    ReversedVonMisesFisherMixture,
    StyleMixture,
    VonMisesFisherMixture,
)

from .quadrature import (
    base_of,
    gamma_log_density,
    grid,
    log_density,
    normal_log_density,
    von_mises_log_density,
)


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """The smooth clamp of the networks, written out again."""
    return low + softplus(high - low - softplus(high - x))


def log_weights(prior: MixturePrior) -> Tensor:
    """log p(c), ``(K,)``."""
    return prior.logits - prior.logits.exp().sum().log()


@singledispatch
def log_component(prior: MixturePrior, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(z | c = cluster, w): ``(..., D)`` to ``(...)``."""
    raise NotImplementedError(f"register the density of {type(prior).__name__}")


@log_component.register
def _(prior: GaussianMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    loc, scale = prior.loc[cluster], clamp(prior.log_scale[cluster], -6.0, 6.0).exp()
    if prior.covariance == "diag":
        return normal_log_density(z, loc, scale)
    factor = torch.diag(scale) + prior.lower[cluster].tril(-1)
    covariance = factor @ factor.T
    offset = z - loc
    quadratic = ((offset @ covariance.inverse()) * offset).sum(-1)
    return -0.5 * (quadratic + covariance.logdet() + z.shape[-1] * math.log(2 * math.pi))


@log_component.register
def _(prior: StyleMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    first, _, last = prior.network
    hidden = torch.tanh(w @ first.weight.T + first.bias)
    start = 2 * cluster * prior.latent_dim
    middle, end = start + prior.latent_dim, start + 2 * prior.latent_dim
    loc = hidden @ last.weight[start:middle].T + last.bias[start:middle]
    log_scale = hidden @ last.weight[middle:end].T + last.bias[middle:end]
    return normal_log_density(z, loc, clamp(log_scale, -4.0, 4.0).exp())


@log_component.register
def _(prior: GammaMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    shape = clamp(prior.raw_shape[cluster], 1.0, 100.0)
    mean = clamp(prior.log_mean[cluster], -10.0, 10.0).exp()
    return gamma_log_density(z, shape, shape / mean)


@log_component.register
def _(prior: VonMisesFisherMixture, cluster: int, z: Tensor, w: Tensor | None) -> Tensor:
    direction = prior.direction[cluster]
    concentration = clamp(prior.log_concentration[cluster], -3.0, 7.0).exp()
    return von_mises_log_density(z, direction / direction.norm(), concentration)


@singledispatch
def log_joint(prior: MixturePrior, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(c) + log p(z | c, w): ``(..., D)`` to ``(..., K)``."""
    given = [log_component(prior, c, z, w) for c in range(prior.n_clusters)]
    return torch.stack(given, -1) + log_weights(prior)


@log_joint.register
def _(prior: ReversedVonMisesFisherMixture, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(z) + log p(c | z), z uniform on the circle."""
    return log_cluster(prior, z) - math.log(2 * math.pi)


@singledispatch
def log_cluster(prior: MixturePrior, z: Tensor) -> Tensor:
    """What kl_c compares γ with, ``(K,)`` or ``(..., K)``: log p(c)."""
    return log_weights(prior)


@log_cluster.register
def _(prior: ReversedVonMisesFisherMixture, z: Tensor) -> Tensor:
    """log p(c | z)."""
    given = [log_component(prior, c, z, None) for c in range(prior.n_clusters)]
    return normalised(torch.stack(given, -1) + log_weights(prior))


def normalised(scores: Tensor) -> Tensor:
    """The logarithm of exp(scores) over its sum: ``(..., K)``."""
    peak = scores.amax(-1, keepdim=True).detach()
    return scores - peak - (scores - peak).exp().sum(-1, keepdim=True).log()


def log_style(w: Tensor) -> Tensor:
    """log p(w) of a standard normal style: ``(..., W)`` to ``(...)``."""
    return normal_log_density(w, torch.zeros_like(w), torch.ones_like(w))


@singledispatch
def decoded(prior: MixturePrior, z: Tensor) -> Tensor:
    """What the decoder is given."""
    return z


@decoded.register
def _(prior: GammaMixture, z: Tensor) -> Tensor:
    return torch.log(torch.clamp(z, min=1e-6))


@singledispatch
def log_likelihood(likelihood: Likelihood, code: Tensor, x: Tensor) -> Tensor:
    """log p(x | z): ``(..., B, D)`` and ``(B, X)`` to ``(..., B)``."""
    raise NotImplementedError(f"register the density of {type(likelihood).__name__}")


@log_likelihood.register
def _(likelihood: Bernoulli, code: Tensor, x: Tensor) -> Tensor:
    probability = 1 / (1 + torch.exp(-likelihood.decoder(code)))
    return torch.where(x == 1, probability, 1 - probability).log().sum(-1)


@log_likelihood.register
def _(likelihood: Normal, code: Tensor, x: Tensor) -> Tensor:
    log_scale = likelihood.log_scale
    scale = (clamp(log_scale, -5.0, 5.0) if likelihood.learn_scale else log_scale).exp()
    return normal_log_density(x, likelihood.decoder(code), scale)


class BruteForce:
    """A story and its guide's posteriors of the continuous latents on a grid of z by w.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(B, X)``.
        points: grid points in each dimension.
    """

    def __init__(self, model: MixtureVAE, guide: Guide, x: Tensor, points: int = 41) -> None:
        laws, self.logits = guide.infer(x)
        z, self.weight_z = grid(laws["z"], points)  # (Sz, B, D), (Sz, B)
        self.log_weights = log_cluster(model.prior, z.unsqueeze(1))
        self.log_likelihood = log_likelihood(model.likelihood, decoded(model.prior, z), x)
        self.log_q = log_density(base_of(laws["z"]), laws["z"], z)
        if "w" in laws:
            w, self.weight_w = grid(laws["w"], points)
            log_ratio = log_density(base_of(laws["w"]), laws["w"], w) - log_style(w)
            self.kl_w = (self.weight_w * log_ratio).sum(0)
            self.log_joint = log_joint(model.prior, z.unsqueeze(1), w)  # (Sz, Sw, B, K)
        else:
            self.weight_w = torch.ones_like(self.weight_z[:1])
            self.kl_w = torch.zeros_like(self.weight_z[0])
            self.log_joint = log_joint(model.prior, z.unsqueeze(1), None)

    def mean_z(self, values: Tensor) -> Tensor:
        """E_q(z|x): ``(Sz, Sw, B, …)`` to ``(Sw, B, …)``."""
        return torch.einsum("sb,swb...->wb...", self.weight_z, values)

    def mean_w(self, values: Tensor) -> Tensor:
        """E_q(w|x): ``(Sw, B, …)`` to ``(B, …)``."""
        return torch.einsum("wb,wb...->b...", self.weight_w, values)

    def marginal(self) -> Tensor:
        """log γ = log p(c | z, w): ``(Sz, Sw, B, K)``."""
        return normalised(self.log_joint)

    def optimal(self) -> Tensor:
        """log γ of γ ∝ exp E_q(z|x) log p(c, z | w): ``(1, Sw, B, K)``."""
        return normalised(self.mean_z(self.log_joint)).unsqueeze(0)

    def amortised(self) -> Tensor:
        """log γ of what the guide says: ``(1, Sw, B, K)``."""
        return normalised(self.logits["c"]).expand(1, len(self.weight_w), -1, -1)

    def mean_responsibility(self) -> Tensor:
        """log γ of VaDE's γ = E_q(z|x) p(c | z): ``(1, Sw, B, K)``."""
        return self.mean_z(self.marginal().exp()).log().unsqueeze(0)

    def log_gamma(self, assignment: str) -> Tensor:
        """log γ under a registered assignment rule."""
        rules = {
            "marginal": self.marginal,
            "optimal": self.optimal,
            "amortised": self.amortised,
        }
        return rules[assignment]()

    def clustering(self, log_gamma: Tensor) -> Tensor:
        """E Σ_c γ_c [log p(z, c | w) - log γ_c]: ``(B,)``."""
        return self.mean_w(self.mean_z((log_gamma.exp() * (self.log_joint - log_gamma)).sum(-1)))

    def kl_c(self, log_gamma: Tensor) -> Tensor:
        """E KL(γ ‖ p(c)): ``(B,)``."""
        kl = (log_gamma.exp() * (log_gamma - self.log_weights)).sum(-1)
        return self.mean_w(self.mean_z(kl.expand(self.log_joint.shape[:-1])))

    def bound(self, log_gamma: Tensor) -> Tensor:
        """The bound of each datum under q(c | ·) = γ, ``(B,)``."""
        rest = (self.weight_z * (self.log_likelihood - self.log_q)).sum(0)
        return rest + self.clustering(log_gamma) - self.kl_w

    def under(self, assignment: str) -> Tensor:
        """The bound of each datum under a registered assignment rule, ``(B,)``."""
        return self.bound(self.log_gamma(assignment))
