"""Generative stories: priors over clusters and latents, likelihoods of data, and both composed."""

from .coded import Coded
from .columns import ColumnLaw
from .counts import Counts, NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from .divergence import ASSIGNMENTS, Divergence, divergence
from .facets import Facets
from .gamma import GammaMixture
from .gaussian import GaussianMixture, StyleMixture
from .likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    Likelihood,
)
from .location_scale import (
    HeteroscedasticNormal,
    Laplace,
    LocationScale,
    Normal,
    StudentT,
)
from .mixed import Mixed
from .mixture_vae import MixtureVAE
from .observed import Observed
from .prior import MixturePrior, Prior
from .spherical import ReversedVonMisesFisherMixture, VonMisesFisherMixture
from .standardised import Standardised
from .student import StudentMixture
from .vamp import VampPriorMixture

__all__ = [
    "ASSIGNMENTS",
    "Bernoulli",
    "Coded",
    "ColumnLaw",
    "ContinuousBernoulli",
    "Counts",
    "Divergence",
    "Facets",
    "GammaMixture",
    "GaussianMixture",
    "HeteroscedasticNormal",
    "Laplace",
    "Likelihood",
    "LocationScale",
    "Mixed",
    "MixturePrior",
    "MixtureVAE",
    "NegativeBinomial",
    "Normal",
    "Observed",
    "Poisson",
    "Prior",
    "ReversedVonMisesFisherMixture",
    "Standardised",
    "StudentMixture",
    "StudentT",
    "StyleMixture",
    "VampPriorMixture",
    "VonMisesFisherMixture",
    "ZeroInflatedNegativeBinomial",
    "divergence",
]
