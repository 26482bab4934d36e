"""What every mixture prior is: a program over c and z, and all that Bayes' rule makes of it.

A family says only what is its own, :meth:`MixturePrior.component`; the rest is derived here once.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import pyro
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.distributions import constraints

from ..distributions import cross_entropy, unsqueeze_batch
from ..parts import Count, Part, site_name
from .attached import Attached
from .spaces import WORDS, lies_in, space

_instances = itertools.count()


class Prior(Attached, Part, PyroModule, kind="prior", abstract=True):
    """A program over latents that returns what is decoded: a mixture, or several side by side.

    Attributes:
        latent_dim: the size of what is decoded.
    """

    latent_dim: int

    def __init__(self) -> None:
        # In Pyro's global store parameters are shared by name: every instance needs its own.
        super().__init__(f"{type(self).__name__}_{next(_instances)}")

    @property
    @abstractmethod
    def mixtures(self) -> tuple[MixturePrior, ...]:
        """The mixtures that stand side by side in this prior."""

    @abstractmethod
    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """What the likelihood decodes, out of all latent sites."""

    def check_guide(self, posteriors: Mapping[str, TorchDistribution], assignment: str) -> None:
        """Refuse a guide that makes no sense for this prior.

        A posterior must live where the prior has a density: a law on the sphere has none among all
        vectors, and a Gaussian leaves the positive ones.

        Args:
            posteriors: q(· | x) of some datum by site; none if the guide cannot tell them.
            assignment: the guide's rule for the clusters.

        Raises:
            ValueError: a latent without a posterior, one on another space, or a rule by which the
                clusters would learn nothing.

        Example:
            >>> from pyromix.models import GammaMixture
            >>> q = dist.Normal(torch.zeros(1, 2), 1.0).to_event(1)
            >>> GammaMixture(3, 2).check_guide({"z": q}, "marginal")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ValueError: the posterior of 'z' is on all vectors and GammaMixture on positive ones...
        """
        for mixture in self.mixtures if posteriors else ():
            mixture.check_own(posteriors, assignment)


class MixturePrior(Prior, abstract=True):
    r"""A finite mixture over the latent vector, written as a generative program.

    .. math:: c \sim \operatorname{Cat}(\pi), \qquad z \mid c \sim p(z \mid c)

    Called inside the data plate it emits the sites ``"c"`` (enumerated wherever Pyro enumerates)
    and ``"z"``, and returns what the likelihood decodes. Log-densities are in nats.

    **To write one**, define :meth:`component`, from parameters made in ``__init__``, which takes
    ``(n_clusters, latent_dim)``, calls ``super().__init__(n_clusters)`` and sets
    ``self.latent_dim``. That is all that training and prediction need. To be started from groups
    it also needs :meth:`match_moments`; ``support`` is where z lives, read off :meth:`component`
    where it is not declared. :func:`pyromix.testing.check_prior` tells whether it is right.

    ``facet`` is this mixture's number where several stand side by side, and ends the names of its
    sites (:meth:`site`). ``w`` is a latent that z depends on besides c; only a family that lists it
    in ``latent_sites`` has one.

    Args:
        n_clusters: number of components, K.
        learn_weights: learn p(c); otherwise it stays uniform.

    Raises:
        ValueError: fewer than one cluster.

    Example:
        >>> class LaplaceMixture(MixturePrior):
        ...     def __init__(self, n_clusters: int, latent_dim: int) -> None:
        ...         super().__init__(n_clusters)
        ...         self.latent_dim = latent_dim
        ...         self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))
        ...
        ...     def component(self, cluster=None, w=None):
        ...         loc = self.loc if cluster is None else self.loc[cluster]
        ...         return dist.Laplace(loc, 1.0).to_event(1)
        >>> LaplaceMixture(3, 2).responsibilities(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    latent_sites: tuple[str, ...] = ("z",)
    assignments: tuple[str, ...] = ("marginal", "optimal", "amortised")
    support: ClassVar[constraints.Constraint | None] = None
    facet: int | None = None

    def __init__(self, n_clusters: Count, *, learn_weights: bool = True) -> None:
        super().__init__()
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

    def site(self, name: str) -> str:
        """The full name of one of this mixture's sites, such as ``"z"`` or ``"c"``."""
        return site_name(name, self.facet)

    @property
    def latent_dims(self) -> dict[str, int]:
        """The size of every continuous latent, by its short name."""
        return {"z": self.latent_dim}

    @property
    def weights(self) -> Tensor:
        """p(c), ``(K,)``."""
        return self.logits.softmax(-1)

    def log_weights(self) -> Tensor:
        """log p(c), ``(K,)``."""
        return self.logits.log_softmax(-1)

    @abstractmethod
    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        """p(z | c) with batch shape ``cluster.shape``, or ``(K,)`` for all clusters at once.

        Args:
            cluster: integers of any shape; enumerated, they run in a dimension of their own.
            w: the style, where the family has one.
        """

    def sample_cluster(self) -> Tensor:
        """Emit the cluster's site."""
        cluster: Tensor = pyro.sample(
            self.site("c"),
            dist.Categorical(logits=self.logits),
            infer={"enumerate": "parallel"},
        )
        return cluster

    def forward(self) -> Tensor:
        """Emit c, then z, and return the code."""
        site = self.site("z")
        return self.code({site: pyro.sample(site, self.component(self.sample_cluster()))})

    def draw(self, cluster: Tensor) -> dict[str, Tensor]:
        """A draw of the latents for each given cluster, by site: ``(B,)`` to ``(B, D)``."""
        return {self.site("z"): self.component(cluster).sample()}

    def draw_joint(self, n: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draws from the story itself: clusters ``(n,)``, and their latents by site."""
        cluster = torch.multinomial(self.weights, n, replacement=True)
        return cluster, self.draw(cluster)

    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """What the likelihood decodes: z, or what a family makes of it."""
        return latents[self.site("z")]

    def coordinates(self, z: Tensor) -> Tensor:
        """Where Euclidean methods such as k-means should look at codes: ``(N, D)`` for each."""
        return z

    def own(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This mixture's latents under the names of its methods' arguments."""
        return {name: latents[self.site(name)] for name in self.latent_sites}

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

    def other_divergences(self, posteriors: Mapping[str, TorchDistribution]) -> dict[str, Tensor]:
        """What latents besides z add to the negative bound in nats, ``(B,)`` by short name."""
        return {}

    def log_cluster_prior(self, scores: Tensor) -> Tensor:
        """What the law of c is compared with, given log p(z, c): log p(c), ``(K,)``."""
        return self.log_weights()

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

    def check_own(self, posteriors: Mapping[str, TorchDistribution], assignment: str) -> None:
        """Refuse posteriors of this mixture's own sites; see :meth:`Prior.check_guide`."""
        name = type(self).__name__
        missing = {self.site(each) for each in self.latent_sites} - posteriors.keys()
        if missing:
            raise ValueError(
                f"the guide has no head for {min(missing)!r}, a latent of {name}; give it one"
            )
        site = self.site("z")
        ours, theirs = self.lives_on(posteriors), space(posteriors[site].support)
        if not lies_in(theirs, ours):
            raise ValueError(
                f"the posterior of {site!r} is on {WORDS.get(theirs, theirs)} and {name} on "
                f"{WORDS.get(ours, ours)}; give the guide a head of the prior's family"
            )
        if assignment not in self.assignments:
            raise ValueError(self.wrong_assignment(assignment))

    def wrong_assignment(self, assignment: str) -> str:
        """The message about a rule by which this mixture learns no cluster."""
        return (
            f"assignment is {assignment!r}: {type(self).__name__} learns no cluster by it; "
            f"use {' or '.join(map(repr, self.assignments))}"
        )

    def lives_on(self, posteriors: Mapping[str, TorchDistribution] | None = None) -> str:
        """A short name of the space of z; a style is put at its posterior's mean."""
        if self.support is not None:
            return space(self.support)
        means = {site: posterior.mean for site, posterior in (posteriors or {}).items()}
        w = means.get(self.site("w"))
        return space(self.component(w=w).support)
