"""Each paper's story and guide, built from the shape of one datum and a handful of sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from torch import nn

from ..guides import AmortisedGuide, GaussianHead, Guide, OptimalAssignment
from ..models import (
    Bernoulli,
    ContinuousBernoulli,
    GaussianMixture,
    Likelihood,
    MixtureVAE,
    NegativeBinomial,
    Normal,
    Poisson,
    StyleMixture,
)
from ..networks import encoder_decoder

Value = TypeVar("Value")

LIKELIHOODS: dict[str, Callable[[nn.Module, tuple[int, ...]], Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "poisson": Poisson,
    "negative-binomial": NegativeBinomial,
}

ASSIGNMENTS: dict[str, Callable[[Guide, Any], Guide]] = {
    "marginal": lambda guide, prior: guide,
    "optimal": OptimalAssignment,
}


def choose(argument: str, name: str, options: dict[str, Value]) -> Value:
    """The option of that name.

    Raises:
        ValueError: names the argument, what came, the nearest known name and all others.
    """
    if name in options:
        return options[name]
    nearest = get_close_matches(str(name), options, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"{argument} is {name!r}: {hint}use one of {', '.join(options)}")


def vade_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500, 2000),
    network: str = "mlp",
    batch_norm: bool = False,
    likelihood: str = "bernoulli",
    covariance: str = "diag",
    assignment: str = "marginal",
) -> tuple[MixtureVAE, Guide]:
    """VaDE: a mixture of Gaussians decoded by a network.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them.
        network: ``"mlp"`` or ``"conv"``.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: ``"bernoulli"``, ``"continuous-bernoulli"``, ``"normal"``, ``"poisson"`` or
            ``"negative-binomial"``.
        covariance: of the components, ``"diag"`` or ``"full"``.
        assignment: ``"marginal"`` or ``"optimal"``.

    Example:
        >>> model, guide = vade_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> model(n=5).shape
        torch.Size([5, 64])

    References:
        Jiang et al. (2017). Variational Deep Embedding. arXiv 1611.05148.
    """
    encoder, decoder, width = encoder_decoder(
        event_shape, latent_dim, network=network, hidden_dims=hidden_dims, batch_norm=batch_norm
    )
    prior = GaussianMixture(n_clusters, latent_dim, covariance=covariance)
    model = MixtureVAE(prior, choose("likelihood", likelihood, LIKELIHOODS)(decoder, event_shape))
    guide = AmortisedGuide(encoder, z=GaussianHead(width, latent_dim, log_scale=-2.0))
    return model, choose("assignment", assignment, ASSIGNMENTS)(guide, prior)


def gmvae_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 64,
    style_dim: int = 16,
    hidden_dims: Sequence[int] = (500, 500),
    style_hidden_dim: int = 500,
    network: str = "mlp",
    batch_norm: bool = True,
    likelihood: str = "bernoulli",
    assignment: str = "marginal",
) -> tuple[MixtureVAE, Guide]:
    """GMVAE: a mixture of Gaussians whose components are functions of a style vector.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        style_dim: dimension of w, W.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them.
        style_hidden_dim: hidden width of the network from w to the components.
        network: ``"mlp"``, or ``"conv"`` for the paper's networks.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        assignment: ``"marginal"`` or ``"optimal"``.

    Example:
        >>> model, guide = gmvae_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> model(n=5).shape
        torch.Size([5, 64])

    References:
        Dilokthanakul et al. (2016). arXiv 1611.02648.
    """
    encoder, decoder, width = encoder_decoder(
        event_shape, latent_dim, network=network, hidden_dims=hidden_dims, batch_norm=batch_norm
    )
    prior = StyleMixture(n_clusters, latent_dim, style_dim, style_hidden_dim)
    model = MixtureVAE(prior, choose("likelihood", likelihood, LIKELIHOODS)(decoder, event_shape))
    guide = AmortisedGuide(
        encoder, z=GaussianHead(width, latent_dim), w=GaussianHead(width, style_dim)
    )
    return model, choose("assignment", assignment, ASSIGNMENTS)(guide, prior)
