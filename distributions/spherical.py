r"""What the von Mises–Fisher and the Power Spherical law have in common, on the sphere of any dimension.

Both are exponential families along one axis, with a statistic T that grows with the cosine to it:

.. math:: p(z) = \exp[\kappa\, T(\mu^\top z) - \log Z(\kappa)], \qquad z \in S^{D-1}

so that log-density, mean, entropy and an exact reparameterisation need only T, its mean and log Z.
Angles, cosines and normalisers are computed in float64 whatever the dtype of the parameters: in
float32 the difference of :math:`\kappa` and :math:`\kappa \mu^\top z` is lost to rounding.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

_NODES, _WEIGHTS = (
    tuple(map(float, values)) for values in np.polynomial.legendre.leggauss(20)
)
_DROP = 25.0
