"""The bound by hand: every cluster in a loop, every latent on a grid, every density written out."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from pyromix.models import (
    Bernoulli,
    GaussianMixture,
    Likelihood,
    MixturePrior,
    MixtureVAE,
    Normal,
    StyleMixture,
)

from .quadrature import grid, normal_log_density


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """The smooth clamp of the networks, written out again."""
    return low + softplus(high - low - softplus(high - x))


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


def log_style(prior: MixturePrior, w: Tensor) -> Tensor:
    """log p(w) of a standard normal style: ``(..., W)`` to ``(...)``."""
    return normal_log_density(w, torch.zeros_like(w), torch.ones_like(w))


@singledispatch
def log_likelihood(likelihood: Likelihood, z: Tensor, x: Tensor) -> Tensor:
    """log p(x | z): ``(..., B, D)`` and ``(B, X)`` to ``(..., B)``."""
    raise NotImplementedError(f"register the density of {type(likelihood).__name__}")


@log_likelihood.register
def _(likelihood: Bernoulli, z: Tensor, x: Tensor) -> Tensor:
    probability = 1 / (1 + torch.exp(-likelihood.decoder(z)))
    return torch.where(x == 1, probability, 1 - probability).log().sum(-1)


@log_likelihood.register
def _(likelihood: Normal, z: Tensor, x: Tensor) -> Tensor:
    scale = clamp(likelihood.log_scale, -5.0, 5.0).exp()
    return normal_log_density(x, likelihood.decoder(z), scale)


class BruteForce:
    """A story and the posteriors of its continuous latents on a grid of z ``(Sz, 1, B)`` by w.

    Args:
        model: the story.
        posteriors: q(· | x) by site.
        x: data.
        points: grid points in each dimension.
    """

    def __init__(
        self, model: MixtureVAE, posteriors: dict[str, Any], x: Tensor, points: int = 61
    ) -> None:
        self.prior = model.prior
        z, self.weight_z = grid(posteriors["z"], points)  # (Sz, B, D), (Sz, B)
        self.posteriors = posteriors
        self.log_weights = self.prior.logits - torch.logsumexp(self.prior.logits, -1)
        self.log_likelihood = log_likelihood(model.likelihood, z, x)  # (Sz, B)
        self.log_q = normal_or_registered(posteriors["z"], z)
        if "w" in posteriors:
            w, self.weight_w = grid(posteriors["w"], points)
            self.kl_w = (
                self.weight_w * (normal_or_registered(posteriors["w"], w) - log_style(self.prior, w))
            ).sum(0)
            components = [
                log_component(self.prior, c, z.unsqueeze(1), w)
                for c in range(self.prior.n_clusters)
            ]
        else:
            self.weight_w = torch.ones_like(self.weight_z[:1])
            self.kl_w = torch.zeros_like(self.weight_z[0])
            components = [
                log_component(self.prior, c, z, None).unsqueeze(1)
                for c in range(self.prior.n_clusters)
            ]
        self.log_joint = torch.stack(components, -1) + self.log_weights  # (Sz, Sw, B, K)

    def mean_z(self, values: Tensor) -> Tensor:
        """E_q(z|x): ``(Sz, Sw, B, …)`` to ``(Sw, B, …)``."""
        return torch.einsum("sb,swb...->wb...", self.weight_z, values)

    def mean_w(self, values: Tensor) -> Tensor:
        """E_q(w|x): ``(Sw, B, …)`` to ``(B, …)``."""
        return torch.einsum("wb,wb...->b...", self.weight_w, values)

    def marginal(self) -> Tensor:
        """γ = p(c | z, w): ``(Sz, Sw, B, K)``."""
        joint = self.log_joint.exp()
        return joint / joint.sum(-1, keepdim=True)

    def optimal(self) -> Tensor:
        """γ ∝ exp E_q(z|x) log p(c, z | w): ``(1, Sw, B, K)``."""
        joint = self.mean_z(self.log_joint).exp()
        return (joint / joint.sum(-1, keepdim=True)).unsqueeze(0)

    def mean_responsibility(self) -> Tensor:
        """VaDE's γ = E_q(z|x) p(c | z): ``(1, Sw, B, K)``."""
        return self.mean_z(self.marginal()).unsqueeze(0)

    def clustering(self, gamma: Tensor) -> Tensor:
        """E Σ_c γ_c [log p(z, c | w) − log γ_c]: ``(B,)``."""
        inner = (gamma * (self.log_joint - gamma.log())).sum(-1)
        return self.mean_w(self.mean_z(inner))

    def bound(self, gamma: Tensor) -> Tensor:
        """The bound of each datum under q(c | ·) = gamma, ``(B,)``."""
        rest = (self.weight_z * (self.log_likelihood - self.log_q)).sum(0)
        return rest + self.clustering(gamma) - self.kl_w

    def under(self, assignment: str) -> Tensor:
        """The bound of each datum under a registered assignment rule, ``(B,)``."""
        return self.bound({"marginal": self.marginal, "optimal": self.optimal}[assignment]())


@singledispatch
def log_posterior(base: Any, law: Any, z: Tensor) -> Tensor:
    """log q(z | x) of a law by the type of its base: ``(S, B, D)`` to ``(S, B)``."""
    raise NotImplementedError(f"register the density of {type(base).__name__}")


@log_posterior.register(torch.distributions.Normal)
def _(base: Any, law: Any, z: Tensor) -> Tensor:
    return normal_log_density(z, law.mean, law.stddev)


def normal_or_registered(law: Any, z: Tensor) -> Tensor:
    """log q(z | x), written out for the family of the law."""
    return log_posterior(getattr(law, "base_dist", law), law, z)


def log_evidence(model: MixtureVAE, x: Tensor, points: int = 401, reach: float = 9.0) -> Tensor:
    """log p(x) of each datum, integrated over latents within ±reach: ``(B,)``; D = W = 1."""
    prior = model.prior
    line = torch.linspace(-reach, reach, points, dtype=x.dtype)
    cell = line[1] - line[0]
    z = line.reshape(-1, 1, 1)
    likelihood = log_likelihood(model.likelihood, z, x)  # (Sz, B)
    weights = prior.logits - torch.logsumexp(prior.logits, -1)
    clusters = range(prior.n_clusters)
    if "w" in prior.latent_sites:
        w = line[::4].reshape(1, -1, 1)
        joint = torch.stack([log_component(prior, c, z, w) + weights[c] for c in clusters], -1)
        given_w = joint.logsumexp(-1) + log_style(prior, w)  # (Sz, Sw)
        log_z = given_w.logsumexp(-1, keepdim=True) + (4 * cell).log()
    else:
        joint = torch.stack([log_component(prior, c, z, None) + weights[c] for c in clusters], -1)
        log_z = joint.logsumexp(-1)
    return (likelihood + log_z).logsumexp(0) + cell.log()
