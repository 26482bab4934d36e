"""scikit-learn estimators: one of any parts, and one for each paper."""

from .base import DeepMixture
from .composition import compose
from .dhvc import DHVC
from .gammm_vae import GamMMVAE
from .gmvae import GMVAE
from .mfcvae import MFCVAE
from .persistence import configured, load, run_config, write_fitted
from .reading import RoundedWarning
from .scaling import UnscaledWarning
from .select import NumberOfClusters, select_k
from .vade import AugmentedVaDE, VaDE

ESTIMATORS: dict[str, type[DeepMixture]] = {
    kind.alias: kind for kind in (VaDE, GMVAE, GamMMVAE, MFCVAE, DHVC, AugmentedVaDE, DeepMixture)
}

__all__ = [
    "DHVC",
    "ESTIMATORS",
    "GMVAE",
    "MFCVAE",
    "AugmentedVaDE",
    "DeepMixture",
    "GamMMVAE",
    "NumberOfClusters",
    "RoundedWarning",
    "UnscaledWarning",
    "VaDE",
    "compose",
    "configured",
    "load",
    "run_config",
    "select_k",
    "write_fitted",
]
