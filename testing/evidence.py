"""log p(x) of a tiny story by integration over all latents."""

from __future__ import annotations

from torch import Tensor

from ..models import MixturePrior, MixtureVAE
from ..models.spaces import space
from .brute_force import decoded, log_joint, log_likelihood, log_style
from .latents import draws
from .quadrature import mesh, place


def log_evidence(model: MixtureVAE, x: Tensor, points: int = 601) -> Tensor:
    """log p(x) of each datum in nats, ``(B,)``, on a grid of latents; D and W as small as can be.

    Args:
        model: the story, of one mixture.
        x: data, ``(B, *event)``.
        points: nodes in each dimension of z; a style has a third of them.

    Example:
        >>> import torch
        >>> from pyromix.models import Bernoulli, GaussianMixture
        >>> model = MixtureVAE(GaussianMixture(3, 1), Bernoulli(torch.nn.Linear(1, 1), (1,)))
        >>> p = log_evidence(model.double(), torch.tensor([[0.0], [1.0]]).double()).exp()
        >>> round(p.sum().item(), 6)
        1.0
    """
    prior: MixturePrior = model.prior.mixtures[0]
    drawn = draws(prior, 2000)
    z, cell = mesh(space(drawn.supports["z"]), *place(drawn.values["z"]), points)
    likelihood = log_likelihood(model.likelihood, decoded(prior, z.unsqueeze(1)), x)  # (Sz, B)
    if "w" not in prior.latent_sites:
        log_z = log_joint(prior, z.unsqueeze(1), None).logsumexp(-1)
    else:
        w, area = mesh(space(drawn.supports["w"]), *place(drawn.values["w"]), points // 3)
        given_w = log_joint(prior, z.unsqueeze(1), w).logsumexp(-1)  # (Sz, Sw)
        log_z = (given_w + log_style(prior, w) + area.log()).logsumexp(-1, keepdim=True)
    return (likelihood + log_z + cell.log().unsqueeze(1)).logsumexp(0)
