"""What every mixture prior is: a program over c and z, and all that Bayes' rule makes of it.

A family says only what is its own, :meth:`MixturePrior.component`; the rest is derived here once.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..distributions import cross_entropy, unsqueeze_batch
from .latents import Prior

_instances = itertools.count()

ASSIGNMENTS = ("marginal", "optimal", "amortised", "published")


@dataclass(frozen=True)
class Divergence:
    """What one mixture adds to the negative bound, in nats.

    Attributes:
        total: ``(..., B)``, differentiable; the sum of the parts.
        parts: the same, split by site (``kl_z``, ``kl_c``, …) and detached.
        responsibilities: q(c | x), ``(..., B, K)``.
        weights: p(c), ``(K,)``.
    """

    total: Tensor
    parts: dict[str, Tensor]
    responsibilities: Tensor
    weights: Tensor


class MixturePrior(Prior):
    r"""A finite mixture over the latent vector, written as a generative program.

    .. math:: c \sim \operatorname{Cat}(\pi), \qquad z \mid c \sim p(z \mid c)

    Called inside the data plate it emits the sites ``"c"`` (enumerated wherever Pyro enumerates)
    and ``"z"``, and returns what the likelihood decodes. Log-densities are in nats. ``facet`` ends
    the names of the sites, so that several mixtures can stand side by side. ``w`` is a latent that
    z depends on besides c; only a family that lists it in ``latent_sites`` has one.

    Args:
        n_clusters: number of components, K.
        learn_weights: learn p(c); otherwise it stays uniform.

    Raises:
        ValueError: fewer than one cluster.
    """

    latent_sites: tuple[str, ...] = ("z",)
    assignments: tuple[str, ...] = ("marginal", "optimal", "amortised")
    facet: str = ""

    def __init__(self, n_clusters: int, *, learn_weights: bool = True) -> None:
        # In Pyro's global store parameters are shared by name: every instance needs its own.
        super().__init__(f"{type(self).__name__}_{next(_instances)}")
        if n_clusters < 1:
            raise ValueError(f"n_clusters is {n_clusters}: a mixture needs at least one component")
        self.n_clusters = n_clusters
        self.learn_weights = learn_weights
        logits = torch.zeros(n_clusters)  # (K,)
        # Fixed weights are a buffer: Pyro's parameter store trains whatever parameter it is shown.
        if learn_weights:
            self.logits = nn.Parameter(logits)
        else:
            self.register_buffer("logits", logits)

    @property
    def mixtures(self) -> tuple[MixturePrior, ...]:
        """Itself alone."""
        return (self,)

    @property
    def weights(self) -> Tensor:
        """p(c), ``(K,)``."""
        return self.logits.softmax(-1)

    def log_weights(self) -> Tensor:
        """log p(c), ``(K,)``."""
        return self.logits.log_softmax(-1)

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once."""
        raise NotImplementedError

    def sample_cluster(self) -> Tensor:
        """Emit the cluster's site."""
        cluster: Tensor = pyro.sample(
            "c" + self.facet,
            dist.Categorical(logits=self.logits),
            infer={"enumerate": "parallel"},
        )
        return cluster

    def forward(self) -> Tensor:
        """Emit c, then z, and return the code."""
        site = "z" + self.facet
        return self.code({site: pyro.sample(site, self.component(self.sample_cluster()))})

    def draw(self, cluster: Tensor) -> dict[str, Tensor]:
        """A draw of the latents for each given cluster, by site: ``(B,)`` to ``(B, D)``."""
        return {"z" + self.facet: self.component(cluster).sample()}

    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """What the likelihood decodes: z, or what a family makes of it."""
        return latents["z" + self.facet]

    def coordinates(self, z: Tensor) -> Tensor:
        """Where Euclidean methods such as k-means should look at codes: ``(N, D)`` for each."""
        return z

    def own(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This mixture's latents under the names of its methods' arguments."""
        return {site: latents[site + self.facet] for site in self.latent_sites}

    def log_joint(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(c) + log p(z | c): ``(..., D)`` to ``(..., K)``."""
        return self.log_weights() + self.component(w=w).log_prob(z.unsqueeze(-2))

    def log_prob(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """log p(z): ``(..., D)`` to ``(...)``."""
        return self.log_joint(z, w).logsumexp(-1)

    def responsibilities(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """p(c | z): ``(..., D)`` to ``(..., K)``, rows summing to one."""
        return self.log_joint(z, w).softmax(-1)

    def expected_log_joint(self, posterior: TorchDistribution, w: Tensor | None = None) -> Tensor:
        """log p(c) + E_q[log p(z | c)] in closed form: q(z | x) with batch ``(B,)`` to ``(B, K)``.

        Its softmax is the best q(c | x) that does not look at z (Falck et al. 2021, Theorem 1).

        Raises:
            NotImplementedError: this pair of families has no closed form.
        """
        return self.log_weights() - cross_entropy(unsqueeze_batch(posterior), self.component(w=w))

    def divergence(
        self,
        posteriors: Mapping[str, TorchDistribution],
        latents: Mapping[str, Tensor],
        assignment: str = "marginal",
        logits: Tensor | None = None,
    ) -> Divergence:
        r"""What this mixture adds to the negative bound, analytic wherever it can be.

        Every assignment rule is a pair: scores :math:`s_c` that estimate log p(z, c), and a law
        :math:`\gamma` of c. It adds :math:`-H(q(z|x)) - \sum_c \gamma_c (s_c - \log\gamma_c)`.

        Args:
            posteriors: q(· | x) by site name, batch shape ``(B,)``.
            latents: a sample of each, ``(..., B, D)``.
            assignment: ``"marginal"``: c is summed out given z; ``"optimal"``: the best q(c | x);
                ``"amortised"``: q(c | x) from ``logits``; ``"published"``: the law of
                ``"marginal"`` with the scores of ``"optimal"``, GMVAE's estimator, a looser bound.
            logits: ``(..., B, K)``, for ``"amortised"``.

        Raises:
            ValueError: an unknown assignment rule, or ``"amortised"`` without logits.
        """
        own = self.own(latents)
        posterior = posteriors["z" + self.facet]
        scores = self._scores(assignment, posterior, own)
        if assignment in ("marginal", "optimal"):
            log_gamma, clustering = scores.log_softmax(-1), scores.logsumexp(-1)
        else:
            log_gamma = self._given_assignment(assignment, own, logits)
            clustering = (log_gamma.exp() * (scores - log_gamma)).sum(-1)
        gamma = log_gamma.exp()
        total = -_entropy(posterior, own["z"]) - clustering
        with torch.no_grad():
            kl_c = (gamma * (log_gamma - self.log_cluster_prior(scores))).sum(-1)
        parts = {"kl_z" + self.facet: total.detach() - kl_c, "kl_c" + self.facet: kl_c}
        return Divergence(total, parts, gamma, self.weights)

    def log_cluster_prior(self, scores: Tensor) -> Tensor:
        """What the law of c is compared with, given log p(z, c): log p(c), ``(K,)``."""
        return self.log_weights()

    def _scores(
        self, assignment: str, posterior: TorchDistribution, own: Mapping[str, Tensor]
    ) -> Tensor:
        if assignment == "marginal":
            return self.log_joint(**own)
        try:
            return self.expected_log_joint(posterior, own.get("w"))
        except NotImplementedError:
            if assignment != "amortised":
                raise
            return self.log_joint(**own)  # unbiased, since the given law does not look at z

    def _given_assignment(
        self, assignment: str, own: Mapping[str, Tensor], logits: Tensor | None
    ) -> Tensor:
        if assignment == "published":
            return self.log_joint(**own).log_softmax(-1)
        if assignment == "amortised" and logits is not None:
            return logits.log_softmax(-1)
        given = "without" if logits is None else "with"
        raise ValueError(
            f"assignment is {assignment!r} {given} logits: use one of {', '.join(ASSIGNMENTS)}; "
            "'amortised' needs logits"
        )

    def initialise(self, codes: Tensor, responsibilities: Tensor) -> None:
        """Set the parameters to the weighted moments of ``codes``, under ``no_grad``.

        Args:
            codes: latent vectors, ``(N, D)``.
            responsibilities: ``(N, K)``, rows summing to one.
        """
        with torch.no_grad():
            mass = responsibilities.sum(0)
            if self.learn_weights:
                self.logits.copy_(((mass + 1.0) / (mass + 1.0).sum()).log())
            self.match_moments(codes, responsibilities / mass.clamp(min=1e-8))

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        """Fit every component to ``codes`` (N, D) weighted by the columns of ``shares`` (N, K)."""
        raise NotImplementedError(f"{type(self).__name__} cannot be initialised from codes")


def _entropy(posterior: TorchDistribution, sample: Tensor) -> Tensor:
    """The entropy of q; without a closed form its unbiased estimate at a sample."""
    try:
        return posterior.entropy()
    except NotImplementedError:
        return -posterior.log_prob(sample)
