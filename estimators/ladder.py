"""MFCVAE's story and guide, from the shape of one datum and sizes by facet, and its schedule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..guides import GaussianHead, Guide, LadderGuide
from ..inference import Progressive
from ..models import Facets, GaussianMixture, MixtureVAE
from ..networks import conv_ladder, mlp_ladder
from .options import assigned, likelihood_of

NETWORKS = ("auto", "mlp", "conv")


def mfcvae_story(
    event_shape: tuple[int, ...],
    *,
    n_clusters: Sequence[int] = (25, 25),
    latent_dim: Sequence[int] = (5, 5),
    hidden_dims: Sequence[int] | None = None,
    network: str = "auto",
    channels: int = 64,
    batch_norm: bool = False,
    likelihood: str = "bernoulli",
    scale: float | None = None,
    covariance: Sequence[str] = ("diag", "diag"),
    learn_weights: bool = True,
    log_scale: float = 0.0,
    assignment: str = "marginal",
) -> tuple[MixtureVAE, Guide]:
    """MFCVAE: mixtures of Gaussians side by side, on the rungs of a ladder.

    Whatever is given by facet has the shallowest first.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: number of components, K, by facet.
        latent_dim: dimension of z, D, by facet.
        hidden_dims: widths of the perceptrons by facet; ``None``: 500, then 2,000 for each.
        network: ``"mlp"``, ``"conv"``, or ``"auto"``, convolutions for images.
        channels: of the first convolution.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: as in :func:`vade_story`.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        covariance: of the components, ``"diag"`` or ``"full"``, by facet.
        learn_weights: learn p(c); otherwise it stays uniform.
        log_scale: where the log standard deviations of q(z | x) start.
        assignment: ``"marginal"``, ``"optimal"`` or ``"amortised"``.

    Raises:
        ValueError: an unknown option, or a ladder that does not fit the data.

    Example:
        >>> model, guide = mfcvae_story((64,), n_clusters=(4, 3), hidden_dims=(32, 16))
        >>> model(n=5).shape
        torch.Size([5, 64])

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241.
    """
    if network not in NETWORKS:
        raise ValueError(f"network is {network!r}: use one of {', '.join(NETWORKS)}")
    image = len(event_shape) == 3
    if network == "conv" and not image:
        raise ValueError(
            f"network is 'conv' and a datum has shape {event_shape}: give images (C, H, W), or use "
            "network='mlp'"
        )
    if image and network != "mlp":
        shape = (event_shape[0], event_shape[1], event_shape[2])
        encoder, decoder = conv_ladder(shape, latent_dim, channels=channels)
    else:
        widths = (500, *[2000] * (len(latent_dim) - 1)) if hidden_dims is None else hidden_dims
        encoder, decoder = mlp_ladder(
            event_shape, latent_dim, hidden_dims=widths, batch_norm=batch_norm
        )
    prior = Facets(
        *(
            GaussianMixture(k, dim, covariance=each, learn_weights=learn_weights)
            for k, dim, each in zip(n_clusters, latent_dim, covariance, strict=True)
        )
    )
    heads = {
        f"z_{facet}": GaussianHead(width, dim, log_scale=log_scale)
        for facet, (width, dim) in enumerate(zip(encoder.out_features, latent_dim, strict=True))
    }
    model = MixtureVAE(prior, likelihood_of(likelihood, decoder, event_shape, scale))
    return model, assigned(assignment, LadderGuide(encoder, **heads), prior)


def joining(
    n_facets: int,
    epochs: int,
    steps_per_epoch: int,
    join_epochs: Sequence[int] | None = None,
    fade_steps: int | None = None,
    order: tuple[int, ...] | None = None,
    refit_epochs: Sequence[int] | None = None,
) -> Progressive:
    """When facets join a training of so many epochs.

    Args:
        n_facets: J.
        epochs: of the training.
        steps_per_epoch: batches of an epoch.
        join_epochs: epochs before the second facet joins, the third, …; ``None`` spreads them
            evenly over all.
        fade_steps: batches that a facet takes to come in; ``None``: half of the least time from a
            facet's joining to the next or to the end.
        order: the facets in the order in which they join; ``None``: the deepest first.
        refit_epochs: in that order, the epoch after which a facet's mixture is fitted to its codes
            anew; none: never; ``None``: halfway from its joining to the next or to the end.

    Raises:
        ValueError: not an epoch for each facet but the first, or too few epochs for all to come in.

    Example:
        >>> joining(2, 30, 10)
        Progressive(joins=(100,), fade_steps=100, order=None, refits=(50, 200))
    """
    evenly = tuple(epochs * facet // (n_facets + 1) for facet in range(1, n_facets))
    chosen = evenly if join_epochs is None else tuple(join_epochs)
    if len(chosen) != n_facets - 1:
        raise ValueError(
            f"join_epochs is {chosen}, and there are {n_facets} facets: give an epoch for each but "
            "the first"
        )
    end = epochs * steps_per_epoch
    joins = tuple(epoch * steps_per_epoch for epoch in chosen)
    room = min((after - join for join, after in pairwise((*joins, end))), default=end)
    fade = max(1, room // 2) if fade_steps is None else fade_steps
    if chosen and joins[-1] + fade > end:
        raise ValueError(
            f"join_epochs is {chosen} and fade_steps {fade}: in {epochs} epochs of "
            f"{steps_per_epoch} batches the last facet would not come in; let it join sooner, fade "
            "faster, or train for longer"
        )
    if refit_epochs is None:
        spans = pairwise((0, *joins, end))
        refits = tuple((join + after) // 2 for join, after in spans)
    else:
        refits = tuple(epoch * steps_per_epoch for epoch in refit_epochs)
    if any(refit >= end for refit in refits):
        raise ValueError(
            f"refit_epochs is {refit_epochs}, and there are {epochs} epochs: give fewer than that"
        )
    return Progressive(joins, fade, order, refits)
