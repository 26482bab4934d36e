"""scikit-learn estimators, one for each paper."""

from .base import DeepMixture
from .dhvc import DHVC
from .gammm_vae import GamMMVAE
from .gmvae import GMVAE
from .persistence import ESTIMATORS, configured, load, run_config, write_fitted
from .stories import dhvc_story, gammm_vae_story, gmvae_story, vade_story
from .vade import AugmentedVaDE, VaDE

__all__ = [
    "DHVC",
    "ESTIMATORS",
    "GMVAE",
    "AugmentedVaDE",
    "DeepMixture",
    "GamMMVAE",
    "VaDE",
    "configured",
    "dhvc_story",
    "gammm_vae_story",
    "gmvae_story",
    "load",
    "run_config",
    "vade_story",
    "write_fitted",
]
