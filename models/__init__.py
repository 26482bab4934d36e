"""Generative stories: priors over clusters and latents, likelihoods of data, and both composed."""

from .divergence import ASSIGNMENTS, Divergence, divergence
from .facets import Facets
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
from .prior import MixturePrior, Prior
from .spherical import ReversedVonMisesFisherMixture, VonMisesFisherMixture

__all__ = [
    "ASSIGNMENTS",
    "Bernoulli",
    "ContinuousBernoulli",
    "Divergence",
    "Facets",
    "GammaMixture",
    "GaussianMixture",
    "Likelihood",
    "MixturePrior",
    "MixtureVAE",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Prior",
    "ReversedVonMisesFisherMixture",
    "StyleMixture",
    "VonMisesFisherMixture",
    "divergence",
]
