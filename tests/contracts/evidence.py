"""log p(x) of a tiny story by integration over all latents."""

from __future__ import annotations

import torch
from torch import Tensor

from pyromix.models import MixtureVAE

from .brute_force import log_joint, log_likelihood, log_style


def log_evidence(model: MixtureVAE, x: Tensor, points: int = 601, reach: float = 12.0) -> Tensor:
    """log p(x) of each datum, ``(B,)``, on a grid of latents within ±reach; D = 1 and W ≤ 1."""
    z = torch.linspace(-reach, reach, points, dtype=x.dtype).reshape(-1, 1, 1)
    cell = z[1, 0, 0] - z[0, 0, 0]
    likelihood = log_likelihood(model.likelihood, z, x)  # (Sz, B)
    if "w" not in model.prior.latent_sites:
        log_z = log_joint(model.prior, z, None).logsumexp(-1)
    else:
        w = torch.linspace(-reach, reach, points // 3, dtype=x.dtype).reshape(1, -1, 1)
        given_w = log_joint(model.prior, z, w).logsumexp(-1) + log_style(w)  # (Sz, Sw)
        log_z = given_w.logsumexp(-1, keepdim=True) + (w[0, 1, 0] - w[0, 0, 0]).log()
    return (likelihood + log_z).logsumexp(0) + cell.log()
