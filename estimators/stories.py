"""Each paper's story and guide, built from the shape of one datum and a handful of sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from torch import nn

from ..guides import (
    AmortisedAssignment,
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Guide,
    OptimalAssignment,
    SphericalHead,
)
from ..models import (
    Bernoulli,
    ContinuousBernoulli,
    GammaMixture,
    GaussianMixture,
    Likelihood,
    MixtureVAE,
    NegativeBinomial,
    Normal,
    Poisson,
    ReversedVonMisesFisherMixture,
    StyleMixture,
)
from ..networks import STRIDED_LAYERS, ConvDecoder, ConvEncoder, encoder_decoder

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


def likelihood_of(
    name: str, decoder: nn.Module, event_shape: tuple[int, ...], scale: float | None = None
) -> Likelihood:
    """The likelihood of that name around a decoder.

    Args:
        name: a key of :data:`LIKELIHOODS`.
        decoder: a network from the code to the likelihood's parameters.
        event_shape: shape of one datum.
        scale: standard deviation of the normal likelihood; ``None`` learns it.

    Raises:
        ValueError: an unknown name, or a scale for another likelihood than the normal.
    """
    family = choose("likelihood", name, LIKELIHOODS)
    if scale is None:
        return family(decoder, event_shape)
    if family is not Normal:
        raise ValueError(f"scale is {scale}, which only the normal likelihood has, not {name!r}")
    return Normal(decoder, event_shape, scale=scale)


def vade_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500, 2000),
    network: str = "mlp",
    batch_norm: bool = False,
    likelihood: str = "bernoulli",
    scale: float | None = None,
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
        scale: standard deviation of the normal likelihood; ``None`` learns it.
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
    model = MixtureVAE(prior, likelihood_of(likelihood, decoder, event_shape, scale))
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
    scale: float | None = None,
    log_scale: float = 0.0,
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
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        log_scale: where the log standard deviations of q(z | x) start.
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
    model = MixtureVAE(prior, likelihood_of(likelihood, decoder, event_shape, scale))
    guide = AmortisedGuide(
        encoder,
        z=GaussianHead(width, latent_dim, log_scale=log_scale),
        w=GaussianHead(width, style_dim),
    )
    return model, choose("assignment", assignment, ASSIGNMENTS)(guide, prior)


def gammm_vae_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500, 2000),
    network: str = "mlp",
    batch_norm: bool = False,
    likelihood: str = "bernoulli",
    family: str = "implicit",
    assignment: str = "marginal",
) -> tuple[MixtureVAE, Guide]:
    """GamMM-VAE: a mixture of Gammas over a positive latent vector; a network decodes log z.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them.
        network: ``"mlp"`` or ``"conv"``.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        family: of the guide, ``"implicit"`` or ``"wilson-hilferty"``.
        assignment: ``"marginal"`` or ``"optimal"``.

    Example:
        >>> model, guide = gammm_vae_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> model(n=5).shape
        torch.Size([5, 64])

    References:
        Guo, Fan, Amayri & Bouguila (2025). Neural Networks 183:106979. Abstract only.
    """
    encoder, decoder, width = encoder_decoder(
        event_shape, latent_dim, network=network, hidden_dims=hidden_dims, batch_norm=batch_norm
    )
    prior = GammaMixture(n_clusters, latent_dim)
    model = MixtureVAE(prior, choose("likelihood", likelihood, LIKELIHOODS)(decoder, event_shape))
    guide = AmortisedGuide(encoder, z=GammaHead(width, latent_dim, family=family))
    return model, choose("assignment", assignment, ASSIGNMENTS)(guide, prior)


def dhvc_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500),
    network: str = "auto",
    batch_norm: bool = True,
    likelihood: str = "bernoulli",
    family: str = "von-mises-fisher",
    assignment: str = "amortised",
) -> tuple[MixtureVAE, Guide]:
    """DHVC: a uniform direction, a cluster read off it, and a network that gives q(c | x).

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of the space the sphere lies in, D.
        hidden_dims: the perceptron's hidden layers; the decoder mirrors them.
        network: ``"mlp"``; ``"conv"``, three convolutions of stride 2; ``"auto"`` is ``"conv"`` for
            images.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        family: of the guide, ``"von-mises-fisher"`` or ``"power-spherical"``.
        assignment: ``"amortised"``; the reversed story learns no cluster by another rule.

    Raises:
        ValueError: an unknown option, or ``"conv"`` for data that are no images.

    Example:
        >>> model, guide = dhvc_story((1, 28, 28), n_clusters=3, latent_dim=5)
        >>> model(n=5).shape
        torch.Size([5, 1, 28, 28])

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only.
    """
    image = len(event_shape) == 3
    if network == "mlp" or (network == "auto" and not image):
        encoder, decoder, width = encoder_decoder(
            event_shape, latent_dim, hidden_dims=hidden_dims, batch_norm=batch_norm
        )
    elif network in ("auto", "conv") and image:
        shape = (event_shape[0], event_shape[1], event_shape[2])
        encoder = ConvEncoder(shape, STRIDED_LAYERS)
        decoder, width = ConvDecoder(latent_dim, shape, STRIDED_LAYERS), encoder.out_features
    else:
        raise ValueError(
            f"network is {network!r} and a datum has shape {event_shape}: use 'auto', 'mlp', or "
            "'conv' for images (C, H, W)"
        )
    if assignment != "amortised":
        raise ValueError(
            f"assignment is {assignment!r}: the reversed story learns no cluster by it; "
            "use 'amortised'"
        )
    prior = ReversedVonMisesFisherMixture(n_clusters, latent_dim)
    model = MixtureVAE(prior, choose("likelihood", likelihood, LIKELIHOODS)(decoder, event_shape))
    heads = AmortisedGuide(encoder, z=SphericalHead(width, latent_dim, family=family))
    return model, AmortisedAssignment(heads, c=nn.Linear(width, n_clusters))
