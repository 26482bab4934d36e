"""Each paper's story and guide, built from the shape of one datum and a handful of sizes."""

from __future__ import annotations

from collections.abc import Sequence

from ..guides import AmortisedGuide, GammaHead, GaussianHead, Guide, SphericalHead
from ..models import (
    GammaMixture,
    GaussianMixture,
    MixtureVAE,
    ReversedVonMisesFisherMixture,
    StyleMixture,
)
from ..networks import encoder_decoder
from .options import assigned, likelihood_of


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
        network: ``"mlp"``, ``"conv"``, ``"strided"`` or ``"auto"``; see
            :func:`pyromix.networks.encoder_decoder`.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: ``"bernoulli"``, ``"continuous-bernoulli"``, ``"normal"``, ``"poisson"`` or
            ``"negative-binomial"``.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        covariance: of the components, ``"diag"`` or ``"full"``.
        assignment: ``"marginal"``, ``"optimal"`` or ``"amortised"``.

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
    return model, assigned(assignment, guide, prior)


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
        network: as in :func:`vade_story`; ``"conv"`` is the paper's.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        log_scale: where the log standard deviations of q(z | x) start.
        assignment: ``"marginal"``, ``"optimal"`` or ``"amortised"``.

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
    return model, assigned(assignment, guide, prior)


def gammm_vae_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500, 2000),
    network: str = "mlp",
    batch_norm: bool = False,
    likelihood: str = "bernoulli",
    scale: float | None = None,
    family: str = "implicit",
    assignment: str = "marginal",
) -> tuple[MixtureVAE, Guide]:
    """GamMM-VAE: a mixture of Gammas over a positive latent vector; a network decodes log z.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of z, D.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them.
        network: as in :func:`vade_story`.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        family: of the guide, ``"implicit"`` or ``"wilson-hilferty"``.
        assignment: ``"marginal"``, ``"optimal"`` or ``"amortised"``.

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
    model = MixtureVAE(prior, likelihood_of(likelihood, decoder, event_shape, scale))
    guide = AmortisedGuide(encoder, z=GammaHead(width, latent_dim, family=family))
    return model, assigned(assignment, guide, prior)


def dhvc_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int = 10,
    latent_dim: int = 10,
    hidden_dims: Sequence[int] = (500, 500),
    network: str = "auto",
    batch_norm: bool = True,
    likelihood: str = "bernoulli",
    scale: float | None = None,
    family: str = "von-mises-fisher",
    assignment: str = "amortised",
) -> tuple[MixtureVAE, Guide]:
    """DHVC: a uniform direction, a cluster read off it, and a network that gives q(c | x).

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K.
        latent_dim: dimension of the space the sphere lies in, D.
        hidden_dims: the perceptron's hidden layers; the decoder mirrors them.
        network: as in :func:`vade_story`.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        family: of the guide, ``"von-mises-fisher"`` or ``"power-spherical"``.
        assignment: ``"amortised"``; the reversed story learns no cluster by another rule.

    Raises:
        ValueError: an unknown option, or another assignment than ``"amortised"``.

    Example:
        >>> model, guide = dhvc_story((1, 28, 28), n_clusters=3, latent_dim=5)
        >>> model(n=5).shape
        torch.Size([5, 1, 28, 28])

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305. Abstract only.
    """
    encoder, decoder, width = encoder_decoder(
        event_shape, latent_dim, network=network, hidden_dims=hidden_dims, batch_norm=batch_norm
    )
    prior = ReversedVonMisesFisherMixture(n_clusters, latent_dim)
    model = MixtureVAE(prior, likelihood_of(likelihood, decoder, event_shape, scale))
    guide = AmortisedGuide(encoder, z=SphericalHead(width, latent_dim, family=family))
    return model, assigned(assignment, guide, prior)
