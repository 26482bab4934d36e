"""Generative stories: priors over clusters and latents, likelihoods of data, and both composed."""

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

__all__ = [
    "ASSIGNMENTS",
    "Bernoulli",
    "ContinuousBernoulli",
    "Divergence",
    "GaussianMixture",
    "Likelihood",
    "MixturePrior",
    "MixtureVAE",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "StyleMixture",
]
