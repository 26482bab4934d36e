"""What a story asks of its prior: the latents, what is decoded of them, and which guides fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyro.distributions import TorchDistribution, constraints
from pyro.nn import PyroModule
from torch import Tensor

if TYPE_CHECKING:
    from .prior import MixturePrior


class Prior(PyroModule):
    """A program over latents that returns what is decoded; ``latent_dim`` is the size of that."""

    latent_dim: int

    @property
    def mixtures(self) -> tuple[MixturePrior, ...]:
        """The mixtures that stand side by side in this prior."""
        raise NotImplementedError

    def code(self, latents: Mapping[str, Tensor]) -> Tensor:
        """What the likelihood decodes, out of all latent sites."""
        raise NotImplementedError

    def accept(self, posteriors: Mapping[str, TorchDistribution], assignment: str) -> None:
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
            >>> import torch
            >>> from pyro.distributions import Normal
            >>> from pyromix.models import GammaMixture
            >>> q = Normal(torch.zeros(1, 2), 1.0).to_event(1)
            >>> GammaMixture(3, 2).accept({"z": q}, "marginal")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ValueError: the posterior of 'z' is on all vectors and GammaMixture on positive ones...
        """
        for mixture in self.mixtures if posteriors else ():
            name = type(mixture).__name__
            missing = {site + mixture.facet for site in mixture.latent_sites} - posteriors.keys()
            if missing:
                raise ValueError(
                    f"the guide has no head for {min(missing)!r}, a latent of {name}; give it one"
                )
            means = {site: posterior.mean for site, posterior in posteriors.items()}
            site = "z" + mixture.facet
            ours = _space(mixture.component(w=mixture.own(means).get("w")))
            theirs = _space(posteriors[site])
            if theirs != ours and (theirs, ours) != ("positive ones", "all vectors"):
                raise ValueError(
                    f"the posterior of {site!r} is on {theirs} and {name} on {ours}; "
                    "give the guide a head of the prior's family"
                )
            if assignment not in mixture.assignments:
                raise ValueError(
                    f"assignment is {assignment!r}: {name} learns no cluster by it; "
                    f"use {' or '.join(map(repr, mixture.assignments))}"
                )


def _space(law: TorchDistribution) -> str:
    support: Any = law.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if support is constraints.sphere:
        return "the sphere"
    return "all vectors" if support is constraints.real else "positive ones"
