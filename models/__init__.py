"""Generative stories: priors over clusters and latents, likelihoods of data, and both composed."""

from .gamma import GammaMixture
from .gaussian import GaussianMixture, StyleMixture
from .likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    Likelihood,
    NegativeBinomial,
    Normal,
    Poisson,
)
from .mixture_vae import MixtureVAE
from .prior import ASSIGNMENTS, Divergence, MixturePrior
from .spherical import ReversedVonMisesFisherMixture, VonMisesFisherMixture

__all__ = [
    "ASSIGNMENTS",
    "Bernoulli",
    "ContinuousBernoulli",
    "Divergence",
    "GammaMixture",
    "GaussianMixture",
    "Likelihood",
    "MixturePrior",
    "MixtureVAE",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "ReversedVonMisesFisherMixture",
    "StyleMixture",
    "VonMisesFisherMixture",
]
