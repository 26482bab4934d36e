"""scikit-learn estimators, one for each paper."""

from .base import DeepMixture
from .gmvae import GMVAE
from .stories import gmvae_story, vade_story
from .vade import VaDE

__all__ = ["GMVAE", "DeepMixture", "VaDE", "gmvae_story", "vade_story"]
