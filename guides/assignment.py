"""Assignment rules for the cluster, as objects around a guide."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from ..parts import GROUPS, facet_of, given_law, is_groups, site_name, without_groups
from .guide import AmortisedGuide, Guide, sample_sites


class Assignment(Guide, abstract=True):
    """A guide around the guide of the continuous latents, with a rule for the clusters.

    Args:
        guide: the guide of the continuous latents.
    """

    def __init__(self, guide: Guide) -> None:
        super().__init__()
        self.guide = guide

    @property
    def amortised(self) -> AmortisedGuide:
        """That of the guide inside."""
        return self.guide.amortised

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, TorchDistribution]:
        """q(· | x) of the continuous sites, batch shape ``(B,)``."""
        return self.guide.posterior(x, **companions)

    @abstractmethod
    def cluster_logits(
        self,
        posteriors: Mapping[str, TorchDistribution],
        latents: Mapping[str, Tensor],
        logits: Mapping[str, Tensor],
        companions: Collection[str],
    ) -> dict[str, Tensor]:
        """Logits of the clusters that are emitted, by site, ``(..., B, K)``.

        Args:
            posteriors: q(· | x) of the continuous sites.
            latents: what was drawn of them.
            logits: what :meth:`infer` says of the clusters.
            companions: names of the companions of x.
        """

    def forward(self, x: Tensor, n: int | None = None, **companions: Tensor) -> dict[str, Tensor]:
        """Emit every latent given x ``(B, *event)``, clusters last and enumerated.

        Groups given for a clustering, ``groups=`` or ``groups_0=``, ``(B, K)``, are the law of its
        clusters in the rows that sum to one; rows of zeros are unknown.
        """
        with pyro.plate("data", len(x)):
            posteriors, logits = self.infer(x, **without_groups(companions))
            latents = sample_sites(posteriors)
            found = self.cluster_logits(posteriors, latents, logits, companions.keys())
            for site, scores in found.items():
                groups = companions.get(site_name(GROUPS, facet_of(site)))
                law = dist.Categorical(logits=given_law(scores.log_softmax(-1), groups))
                latents[site] = pyro.sample(site, law, infer={"enumerate": "parallel"})
        return latents

    def posterior_like(self) -> dict[str, TorchDistribution]:
        """Those of the guide inside."""
        return self.guide.posterior_like()

    def narrow(self, site: str, code: Tensor) -> None:
        """That of the guide inside."""
        self.guide.narrow(site, code)


class Marginal(Assignment):
    """The clusters are summed out given z: the tightest rule, and what a bare guide has anyway.

    They are emitted only where groups are given for some rows, by p(c | z) in all others, which is
    the same bound. The prior is referred to and not registered: its parameters stay its own.

    Args:
        guide: the guide of the continuous latents.
        prior: the prior whose clusters they are; needed only where groups are given.

    Example:
        >>> import torch
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> guide = AmortisedGuide(torch.nn.Linear(64, 32), z=GaussianHead(32, 10))
        >>> Marginal(guide).assignment
        'marginal'
    """

    def __init__(self, guide: Guide, prior: Any = None) -> None:
        super().__init__(guide)
        object.__setattr__(self, "prior", prior)

    def cluster_logits(
        self,
        posteriors: Mapping[str, TorchDistribution],
        latents: Mapping[str, Tensor],
        logits: Mapping[str, Tensor],
        companions: Collection[str],
    ) -> dict[str, Tensor]:
        """log p(z, c) of the clusterings that groups are given for; none of the others.

        Raises:
            TypeError: groups are given, and no prior was.
        """
        given = set(filter(is_groups, companions))
        if given and self.prior is None:
            raise TypeError("groups are given, and the guide has no prior: Marginal(guide, prior)")
        return {
            mixture.site("c"): mixture.log_joint(**mixture.own(latents))
            for mixture in (self.prior.mixtures if given else ())
            if mixture.site(GROUPS) in given
        }


class OptimalAssignment(Assignment, alias="optimal"):
    r"""The best q(c | x) that does not look at z, by the theorem of MFCVAE.

    .. math:: q^*(c \mid x) \propto \pi_c \exp \mathbb E_{q(z|x)}[\log p(z \mid c)]

    The cluster is enumerated in the guide with these logits. With a style latent w it conditions
    on w. The prior is referred to and not registered: its parameters stay its own.

    Args:
        guide: the guide of the continuous latents.
        prior: the mixture prior whose clusters are assigned.

    Raises:
        ValueError: the guide makes no sense for the prior, or their families have no closed form
            together.

    Example:
        >>> import torch
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture
        >>> guide = AmortisedGuide(torch.nn.Linear(64, 32), z=GaussianHead(32, 10))
        >>> len(list(OptimalAssignment(guide, GaussianMixture(3, 10)).parameters()))
        4

    References:
        Falck et al. (2021). Multi-Facet Clustering Variational Autoencoders. arXiv 2106.05241,
        Theorem 1, which corrects VaDE's rule.
    """

    assignment = "optimal"

    def __init__(self, guide: Guide, prior: Any) -> None:
        super().__init__(guide)
        object.__setattr__(self, "prior", prior)
        self._require_closed_form()

    def _require_closed_form(self) -> None:
        with torch.no_grad():
            posteriors = self.posterior_like()
            means = {site: posterior.mean for site, posterior in posteriors.items()}
            self.prior.check_guide(posteriors, self.assignment)
            for mixture in self.prior.mixtures if posteriors else ():
                w = mixture.own(means).get("w")
                try:
                    mixture.expected_log_joint(posteriors[mixture.site("z")], w)
                except NotImplementedError as error:
                    raise ValueError(
                        f"{str(error).partition(':')[0]}, which OptimalAssignment needs; "
                        "use the guide alone (marginal) or AmortisedAssignment"
                    ) from error

    def cluster_logits(
        self,
        posteriors: Mapping[str, TorchDistribution],
        latents: Mapping[str, Tensor],
        logits: Mapping[str, Tensor],
        companions: Collection[str],
    ) -> dict[str, Tensor]:
        """E_q(z|x)[log p(z, c)] of every clustering."""
        return {
            mixture.site("c"): mixture.expected_log_joint(
                posteriors[mixture.site("z")], mixture.own(latents).get("w")
            )
            for mixture in self.prior.mixtures
        }


class AmortisedAssignment(Assignment, alias="amortised"):
    r"""q(c | x) from a network on the guide's features, one for each clustering.

    .. math:: q(c \mid x) = \operatorname{softmax} g(h(x))

    The cluster is enumerated in the guide with these logits.

    Args:
        guide: the guide of the continuous latents.
        prior: the prior whose clusters are assigned: each clustering gets a linear layer.
        **networks: by clustering site, a network of one's own from the features that a head of that
            site would see, ``(..., F)``, to logits ``(..., K)``.

    Raises:
        ValueError: there is neither a prior nor a network.

    Example:
        >>> import torch
        >>> from pyromix.guides import AmortisedGuide, SphericalHead
        >>> guide = AmortisedGuide(nn.Linear(64, 32), z=SphericalHead(32, 10))
        >>> AmortisedAssignment(guide, c=nn.Linear(32, 3)).infer(torch.zeros(5, 64))[1]["c"].shape
        torch.Size([5, 3])

    References:
        Yu, Wu, Chen & Liu (2024). DOI 10.11721/cqnuj20240305.
    """

    assignment = "amortised"

    def __init__(self, guide: Guide, prior: Any = None, **networks: nn.Module) -> None:
        super().__init__(guide)
        linear = {
            mixture.site("c"): nn.Linear(
                guide.amortised.width(mixture.site("c")), mixture.n_clusters
            )
            for mixture in (() if prior is None else prior.mixtures)
            if mixture.site("c") not in networks
        }
        if not linear and not networks:
            raise ValueError("networks are missing: give the prior, or one for each, such as c=…")
        self.networks = nn.ModuleDict({**linear, **networks})

    def infer(
        self, x: Tensor, **companions: Tensor
    ) -> tuple[dict[str, TorchDistribution], dict[str, Tensor]]:
        """The posteriors, and the logits of q(c | x) by site, ``(B, K)``."""
        guide = self.amortised
        features = guide.features(x, **companions)
        logits = {
            site: network(guide.features_for(features, site))
            for site, network in self.networks.items()
        }
        return guide.posterior_from(features), logits

    def cluster_logits(
        self,
        posteriors: Mapping[str, TorchDistribution],
        latents: Mapping[str, Tensor],
        logits: Mapping[str, Tensor],
        companions: Collection[str],
    ) -> dict[str, Tensor]:
        """What the networks say."""
        return dict(logits)
