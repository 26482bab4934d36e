"""The bound by hand: every cluster in a loop, every latent on a grid.

Densities are those of the programs themselves, read off their traces one cluster at a time;
nothing that the package derives from them is used. A density written out by hand is registered for
a class, and then stands in for the program's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from ..guides import Guide
from ..models import Likelihood, MixturePrior, MixtureVAE
from .quadrature import base_of, grid, log_density


def scores(prior: MixturePrior, latents: Mapping[str, Tensor], cluster: int) -> dict[str, Tensor]:
    """The log-probability of every site of a prior's program at given values.

    Args:
        prior: the program.
        latents: values ``(..., D)`` by short name, such as ``"z"``.
        cluster: the cluster's number.

    Returns:
        Log-probabilities of any shape that broadcasts to ``(...)``, by short name.
    """
    values = {prior.site(name): value for name, value in latents.items()}
    values[prior.site("c")] = torch.tensor(cluster)
    nodes: Any = poutine.trace(poutine.condition(prior, data=values)).get_trace().nodes
    return {
        name: nodes[prior.site(name)]["fn"].log_prob(values[prior.site(name)])
        for name in (*latents, "c")
    }


@singledispatch
def log_joint(prior: MixturePrior, z: Tensor, w: Tensor | None) -> Tensor:
    """log p(c) + log p(z | c, w): ``(..., D)`` to ``(..., K)``."""
    latents = {"z": z} if w is None else {"z": z, "w": w}
    found = [scores(prior, latents, cluster) for cluster in range(prior.n_clusters)]
    return torch.stack([score["c"] + score["z"] for score in found], -1)


@singledispatch
def log_cluster(prior: MixturePrior, z: Tensor) -> Tensor:
    """What kl_c compares γ with, ``(K,)`` or ``(..., K)``: log p(c), or log p(c | z)."""
    like = next(prior.parameters())
    latents = {
        name: z if name == "z" else torch.zeros(prior.latent_dims[name]).to(like)
        for name in prior.latent_sites
    }
    found = [scores(prior, latents, cluster)["c"] for cluster in range(prior.n_clusters)]
    return torch.stack(found, -1)


@singledispatch
def log_style(prior: MixturePrior, w: Tensor) -> Tensor:
    """log p(w): ``(..., W)`` to ``(...)``."""
    z = torch.ones(prior.latent_dim).to(w) / prior.latent_dim**0.5
    return scores(prior, {"z": z, "w": w}, 0)["w"]


@singledispatch
def decoded(prior: MixturePrior, z: Tensor) -> Tensor:
    """What the decoder is given."""
    return prior.code({prior.site("z"): z})


@singledispatch
def log_likelihood(likelihood: Likelihood, code: Tensor, x: Tensor) -> Tensor:
    """log p(x | z): ``(..., B, D)`` and ``(B, *event)`` to ``(..., B)``."""
    nodes: Any = poutine.trace(likelihood).get_trace(code, x).nodes
    density: Tensor = nodes["x"]["fn"].log_prob(x)
    return density


def normalised(scores: Tensor) -> Tensor:
    """The logarithm of exp(scores) over its sum: ``(..., K)``."""
    peak = scores.amax(-1, keepdim=True).detach()
    return scores - peak - (scores - peak).exp().sum(-1, keepdim=True).log()


class BruteForce:
    """A story and its guide's posteriors of the continuous latents on a grid of z by w.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(B, *event)``.
        points: grid points in each dimension.

    Example:
        >>> from pyromix import DeepMixture
        >>> from pyromix.networks import Perceptron
        >>> mixture = DeepMixture(n_clusters=3, latent_dim=1, networks=Perceptron(4))
        >>> model, guide = (module.double() for module in mixture.build((2,)))
        >>> hand = BruteForce(model, guide.eval(), torch.ones(5, 2).double(), points=61)
        >>> bool((hand.under("marginal") > hand.under("optimal")).all())
        True
    """

    def __init__(self, model: MixtureVAE, guide: Guide, x: Tensor, points: int = 121) -> None:
        laws, self.logits = guide.infer(x)
        prior: MixturePrior = model.prior.mixtures[0]
        z, self.weight_z = grid(laws["z"], points)  # (Sz, B, D), (Sz, B)
        self.log_weights = log_cluster(prior, z.unsqueeze(1))
        self.log_likelihood = log_likelihood(model.likelihood, decoded(prior, z), x)
        self.log_q = log_density(base_of(laws["z"]), laws["z"], z)
        if "w" in laws:
            w, self.weight_w = grid(laws["w"], points)
            log_ratio = log_density(base_of(laws["w"]), laws["w"], w) - log_style(prior, w)
            self.kl_w = (self.weight_w * log_ratio).sum(0)
            self.log_joint = log_joint(prior, z.unsqueeze(1), w)  # (Sz, Sw, B, K)
        else:
            self.weight_w = torch.ones_like(self.weight_z[:1])
            self.kl_w = torch.zeros_like(self.weight_z[0])
            self.log_joint = log_joint(prior, z.unsqueeze(1), None)

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
