"""Laws that torch and Pyro lack, and closed forms between laws."""

from .batch import unsqueeze_batch
from .bessel import bessel_ratio, log_bessel_i
from .continuous_bernoulli import ContinuousBernoulli
from .cross_entropy import cross_entropy, register_cross_entropy
from .floored_gamma import FlooredGamma
from .observed import ObservedLaw, log_prob_by_feature
from .power_spherical import PowerSpherical
from .spherical_softmax import sample_spherical_softmax
from .spherical_uniform import SphericalUniform
from .von_mises_fisher import VonMisesFisher
from .wilson_hilferty import WilsonHilfertyGamma

__all__ = [
    "ContinuousBernoulli",
    "FlooredGamma",
    "ObservedLaw",
    "PowerSpherical",
    "SphericalUniform",
    "VonMisesFisher",
    "WilsonHilfertyGamma",
    "bessel_ratio",
    "cross_entropy",
    "log_bessel_i",
    "log_prob_by_feature",
    "register_cross_entropy",
    "sample_spherical_softmax",
    "unsqueeze_batch",
]
