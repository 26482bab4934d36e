"""Small stories round a part, whose bound is compared with the one by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ..estimators.composition import compose
from ..guides import GaussianHead, Guide
from ..inference import ClosedFormELBO, EnumeratedELBO, MixtureELBO
from ..models import MixturePrior, MixtureVAE
from ..parts import Unbuilt
from .brute_force import BruteForce, decoded, log_likelihood, scores
from .laws import (
    K,
    gradients,
    largest,
    require,
    require_equal,
    require_equal_gradients,
    shaken,
    trainable,
)
from .nodes import drawing, expected
from .quadrature import base_of, grid, log_density, nodes

Posterior = Unbuilt | Mapping[str, Unbuilt]
X = 2  # features of a datum
RULES = ("marginal", "optimal", "amortised")
BOUNDS: tuple[type[MixtureELBO], ...] = (ClosedFormELBO, EnumeratedELBO)
TOLERANCE = 1e-6


class Small:
    """Networks without kinks, of a few units."""

    def encoder(self, event_shape: tuple[int, ...]) -> nn.Module:
        """Five features of a datum."""
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(event_shape), 5), nn.Tanh())

    def decoder(self, code_dim: int, event_shape: tuple[int, ...]) -> nn.Module:
        """From a code of any batch shape to a datum."""
        return nn.Sequential(
            nn.Linear(code_dim, 4),
            nn.Tanh(),
            nn.Linear(4, math.prod(event_shape)),
            nn.Unflatten(-1, event_shape),
        )


def stories(
    prior: Unbuilt, posterior: Posterior, likelihood: Unbuilt, dim: int, n_clusters: int = K
) -> dict[str, tuple[MixtureVAE, Guide]]:
    """A story and its guide in float64 for every assignment rule that goes with the parts.

    Raises:
        AssertionError: none does.
    """
    found, refusal = {}, ""
    for rule in RULES:
        try:
            model, guide = compose(
                (X,),
                n_clusters=n_clusters,
                latent_dim=dim,
                prior=prior,
                posterior=posterior,
                likelihood=likelihood,
                networks=Small(),
                assignment=rule,
            )
        except ValueError as error:
            refusal = str(error)
            continue
        found[rule] = shaken(model), shaken(guide)
    require(found, f"no assignment rule goes with the part: {refusal}")
    return found


def narrow_gaussian(in_features: int, latent_dim: int) -> GaussianHead:
    """A narrow Gaussian posterior, so that few nodes do."""
    return GaussianHead(in_features, latent_dim, log_scale=-3.0)


def require_bound(
    part: object, prior: Unbuilt, posterior: Posterior, likelihood: Unbuilt, dim: int
) -> None:
    """Refuse a part whose bound is not the one by hand, in value and every derivative.

    Both evaluations of the bound are tried under every assignment rule that goes with the part.

    Args:
        part: for the sentence.
        prior: called with (K, D).
        posterior: called with (F, D), or a dict of such.
        likelihood: called with (decoder, event_shape).
        dim: D.

    Raises:
        AssertionError: names the rule, the evaluation and the largest difference.
    """
    for rule, (model, guide) in stories(prior, posterior, likelihood, dim).items():
        x = model(n=2).detach()
        moving = "w" in guide.posterior(x)  # few nodes for two latents
        points = 121 if dim == 1 else 61
        finer = 2 * points - 1 if moving else 16 * points - 15
        by_hand = [by_brute_force(model, guide, x, rule, n) for n in (points, finer)]
        parameters = trainable(model, guide)
        tolerance = TOLERANCE + 3 * _apart(by_hand[0], by_hand[1], parameters)
        for bound in BOUNDS:
            ours = expected(
                partial(_loss, bound(), model, guide),
                guide,
                x,
                9 if moving else points,
                nodes if moving else lambda base, law, order: grid(law, order),
            )
            require_equal_gradients(
                part,
                f"its negative bound under {rule!r} by {bound.__name__} is the one by brute force",
                ours,
                -by_hand[moving],
                parameters,
                tolerance,
            )


def _apart(one: Tensor, other: Tensor, parameters: Sequence[Tensor]) -> float:
    """The largest difference in value and gradient: what the quadrature itself is off by."""
    slopes = zip(gradients(one, parameters), gradients(other, parameters), strict=True)
    return largest([one - other, *(a - b for a, b in slopes)])


def _loss(elbo: MixtureELBO, model: MixtureVAE, guide: Guide, rows: Tensor) -> Tensor:
    return elbo.evaluate(model, guide, rows).loss


def by_brute_force(model: MixtureVAE, guide: Guide, x: Tensor, rule: str, points: int) -> Tensor:
    """The bound by hand, the mean over the rows of x, each on a grid of its own."""
    rows = [BruteForce(model, guide, row, points).under(rule) for row in x.split(1)]
    return torch.cat(rows).mean()


def require_plain_vae(
    part: object, prior: Unbuilt, posterior: Posterior, likelihood: Unbuilt, dim: int
) -> None:
    """Refuse a part that with one cluster is not a plain VAE, draw by draw.

    Raises:
        AssertionError: says how far the loss is from log q(z | x) - log p(z) - log p(x | z).
    """
    law = "with one cluster it is a plain VAE: log q(z | x) - log p(z) - log p(x | z)"
    for model, guide in stories(prior, posterior, likelihood, dim, n_clusters=1).values():
        mixture: MixturePrior = model.prior.mixtures[0]
        x = model(n=2).detach()
        laws = guide.posterior(x)
        latents = {site: each.rsample() for site, each in laws.items()}
        vae = -log_likelihood(model.likelihood, decoded(mixture, latents["z"]), x)
        vae = vae - sum(scores(mixture, latents, 0).values())
        for site, each in laws.items():
            vae = vae + log_density(base_of(each), each, latents[site])
        with drawing(guide, latents):
            evaluation = EnumeratedELBO().evaluate(model, guide, x)
        require_equal_gradients(
            part, law, evaluation.loss, vae.mean(), trainable(model, guide), 1e-9
        )
        require_equal(part, law, evaluation.parts["kl_c"], torch.zeros(()), 1e-9)
