"""Generative stories: priors over clusters and latents, likelihoods of data, and both composed."""

from .facets import Facets
from .gamma import GammaMixture
from .gaussian import GaussianMixture, StyleMixture
from .latents import Prior
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
]
