"""The zoo's bounds as one would write them without the package: what step times are compared with.

Each takes the networks and the parameters of a story and its guide, so that both contenders compute
the same thing. Of the package they use one primitive, the von Mises–Fisher law, as torch has none.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Gamma
from torch.nn.functional import binary_cross_entropy_with_logits, normalize, softplus

from pyromix.distributions import VonMisesFisher

Loss = tuple[Tensor, dict[str, Tensor]]


def log_normal(z: Tensor, loc: Tensor, log_scale: Tensor) -> Tensor:
    """The log-density of a diagonal Gaussian, summed over the last dimension."""
    quadratic = ((z - loc) * (-log_scale).exp()).square()
    return (-0.5 * quadratic - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)


def normal_entropy(log_scale: Tensor) -> Tensor:
    """The entropy of a diagonal Gaussian."""
    return (log_scale + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)


def bernoulli_loss(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x | logits) of each datum."""
    losses = binary_cross_entropy_with_logits(logits, x, reduction="none")
    return losses.flatten(1).sum(-1)


class HandWritten(nn.Module):
    """A Bernoulli decoder, and an encoder with one linear head of z."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__()
        self.encoder, self.head = guide.amortised.encoder, guide.amortised.heads["z"].linear
        self.decoder = model.likelihood.decoder

    def reconstruction(self, code: Tensor, x: Tensor) -> Tensor:
        """-log p(x | z) of each datum."""
        return bernoulli_loss(self.decoder(code), x)


class HandWrittenVaDE(HandWritten):
    """The marginal bound of VaDE."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__(model, guide)
        prior = model.prior
        self.logits, self.loc, self.log_scale = prior.logits, prior.loc, prior.log_scale

    def clustering(self, log_joint: Tensor) -> Tensor:
        """log p(z)."""
        return log_joint.logsumexp(-1)

    def forward(self, x: Tensor) -> Loss:
        loc, log_scale = self.head(self.encoder(x)).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        log_p = log_normal(z.unsqueeze(1), self.loc, self.log_scale)
        clustering = self.clustering(self.logits.log_softmax(-1) + log_p)
        bound = clustering + normal_entropy(log_scale) - self.reconstruction(z, x)
        return -bound.mean(), {}


class HandWrittenAugmented(HandWrittenVaDE):
    """The augmented bound of VaDE at λ = 1, by its complete-data form."""

    def clustering(self, log_joint: Tensor) -> Tensor:
        """Σ γ log p(z, c)."""
        return (log_joint.softmax(-1) * log_joint).sum(-1)


class HandWrittenGMVAE(HandWritten):
    """The exact bound of GMVAE."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__(model, guide)
        self.style_head, self.network = guide.amortised.heads["w"].linear, model.prior.network
        self.shape = (model.prior.n_clusters, 2, model.prior.latent_dim)

    def forward(self, x: Tensor) -> Loss:
        features = self.encoder(x)
        loc, log_scale = self.head(features).chunk(2, -1)
        w_loc, w_log_scale = self.style_head(features).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        w = w_loc + w_log_scale.exp() * torch.randn_like(w_loc)
        p_loc, p_log_scale = self.network(w).unflatten(-1, self.shape).unbind(-2)
        log_p = log_normal(z.unsqueeze(1), p_loc, p_log_scale.clamp(-4, 4)).logsumexp(-1)
        log_p = log_p - math.log(self.shape[0])
        kl_w = 0.5 * (w_loc.square() + (2 * w_log_scale).exp() - 1 - 2 * w_log_scale).sum(-1)
        bound = log_p + normal_entropy(log_scale) - kl_w - self.reconstruction(z, x)
        return -bound.mean(), {}


class HandWrittenGamMM(HandWritten):
    """The marginal bound of GamMM-VAE, with torch's implicit gradients of Gammas."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__(model, guide)
        prior = model.prior
        self.logits, self.log_mean, self.raw_shape = prior.logits, prior.log_mean, prior.raw_shape

    def forward(self, x: Tensor) -> Loss:
        raw_mean, raw_shape = self.head(self.encoder(x)).chunk(2, -1)
        a = 1 + softplus(raw_shape - 1)
        q = Gamma(a, a / (softplus(raw_mean) + 1e-4), validate_args=False)
        z = q.rsample()
        log_z = z.clamp(min=1e-6).log()
        alpha = 1 + softplus(self.raw_shape - 1)
        beta = alpha / self.log_mean.exp()
        normaliser = (alpha * beta.log() - alpha.lgamma()).sum(-1)
        log_p = normaliser + log_z @ (alpha - 1).T - z @ beta.T
        clustering = (self.logits.log_softmax(-1) + log_p).logsumexp(-1)
        bound = clustering + q.entropy().sum(-1) - self.reconstruction(log_z, x)
        return -bound.mean(), {}


class HandWrittenMFCVAE(nn.Module):
    """The marginal bound of MFCVAE, with a Bernoulli decoder and diagonal components."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__()
        mixtures = model.prior.mixtures
        self.encoder, self.decoder = guide.amortised.encoder, model.likelihood.decoder
        self.heads = nn.ModuleList(
            guide.amortised.heads[f"z_{j}"].linear for j in range(len(mixtures))
        )
        self.logits = nn.ParameterList(mixture.logits for mixture in mixtures)
        self.locs = nn.ParameterList(mixture.loc for mixture in mixtures)
        self.log_scales = nn.ParameterList(mixture.log_scale for mixture in mixtures)

    def forward(self, x: Tensor) -> Loss:
        hidden, posteriors = x, []
        for backbone, rung, head in zip(
            self.encoder.backbones, self.encoder.rungs, self.heads, strict=True
        ):
            hidden = backbone(hidden)
            posteriors.append(head(rung(hidden)).chunk(2, -1))
        codes, bound = [], 0.0
        for (loc, log_scale), logits, p_loc, p_log_scale in zip(
            posteriors, self.logits, self.locs, self.log_scales, strict=True
        ):
            z = loc + log_scale.exp() * torch.randn_like(loc)
            log_p = logits.log_softmax(-1) + log_normal(z.unsqueeze(1), p_loc, p_log_scale)
            bound = bound + log_p.logsumexp(-1) + normal_entropy(log_scale)
            codes.append(z)
        up = self.decoder.rungs[-1](codes[-1])
        for j in range(len(codes) - 2, -1, -1):
            own, up = self.decoder.rungs[j](codes[j]), self.decoder.backbones[j + 1](up)
            up = torch.cat([own, up], 1) if up.dim() == 4 else 0.1 * own + up
        logits = self.decoder.backbones[0](up).reshape(x.shape)
        return (bernoulli_loss(logits, x) - bound).mean(), {}


class HandWrittenDHVC(HandWritten):
    """The bound of DHVC: two divergences, one from the uniform law and one of two posteriors."""

    def __init__(self, model: Any, guide: Any) -> None:
        super().__init__(model, guide)
        prior = model.prior
        self.assignment, self.logits = guide.networks["c"], prior.logits
        self.direction, self.log_concentration = prior.direction, prior.log_concentration
        half = prior.latent_dim / 2
        self.log_area = math.log(2) + half * math.log(math.pi) - math.lgamma(half)

    def forward(self, x: Tensor) -> Loss:
        features = self.encoder(x)
        raw = self.head(features)
        loc, kappa = normalize(raw[:, :-1], dim=-1), 1 + softplus(raw[:, -1] - 1)
        q = VonMisesFisher(loc, kappa, validate_args=False)
        z = q.rsample()
        p = VonMisesFisher(
            normalize(self.direction, dim=-1), self.log_concentration.exp(), validate_args=False
        )
        log_p = (self.logits.log_softmax(-1) + p.log_prob(z.unsqueeze(1))).log_softmax(-1)
        log_gamma = self.assignment(features).log_softmax(-1)
        kl_c = (log_gamma.exp() * (log_gamma - log_p)).sum(-1)
        kl_z = self.log_area - q.entropy()
        return (self.reconstruction(z, x) + kl_z + kl_c).mean(), {}
