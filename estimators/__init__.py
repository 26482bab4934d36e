"""scikit-learn estimators, one for each paper."""

from .base import DeepMixture
from .gmvae import GMVAE
from .persistence import ESTIMATORS, configured, load, run_config, write_fitted
from .stories import gmvae_story, vade_story
from .vade import VaDE

__all__ = [
    "ESTIMATORS",
    "GMVAE",
    "DeepMixture",
    "VaDE",
    "configured",
    "gmvae_story",
    "load",
    "run_config",
    "vade_story",
    "write_fitted",
]
