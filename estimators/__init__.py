"""scikit-learn estimators, one for each paper."""

from .base import DeepMixture
from .dhvc import DHVC
from .gammm_vae import GamMMVAE
from .gmvae import GMVAE
from .ladder import mfcvae_story
from .mfcvae import MFCVAE
from .options import ASSIGNMENTS, LIKELIHOODS, choose, likelihood_of
from .persistence import ESTIMATORS, configured, load, run_config, write_fitted
from .settings import Settings
from .stories import dhvc_story, gammm_vae_story, gmvae_story, vade_story
from .vade import AugmentedVaDE, VaDE

__all__ = [
    "ASSIGNMENTS",
    "DHVC",
    "ESTIMATORS",
    "GMVAE",
    "LIKELIHOODS",
    "MFCVAE",
    "AugmentedVaDE",
    "DeepMixture",
    "GamMMVAE",
    "Settings",
    "VaDE",
    "choose",
    "configured",
    "dhvc_story",
    "gammm_vae_story",
    "gmvae_story",
    "likelihood_of",
    "load",
    "mfcvae_story",
    "run_config",
    "vade_story",
    "write_fitted",
]
