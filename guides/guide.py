"""Amortised guides: an encoder with one head for each latent, whatever its family."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import pyro
from pyro.distributions import TorchDistribution
from pyro.nn import PyroModule
from torch import Tensor, nn

from ..parts import Part, facet_of, heeded, is_groups, site_name
from .heads import Head

_instances = itertools.count()


class Guide(Part, PyroModule, kind="assignment", abstract=True):
    """A program over the prior's continuous sites given x. Subclasses define :meth:`posterior`.

    The cluster is not among its sites: that is the assignment rule ``"marginal"``. Other rules are
    objects around a guide: :class:`OptimalAssignment`, :class:`AmortisedAssignment`.
    """

    assignment: str = "marginal"

    def __init__(self) -> None:
        # In Pyro's global store parameters are shared by name: every instance needs its own.
        super().__init__(f"{type(self).__name__}_{next(_instances)}")

    @abstractmethod
    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, TorchDistribution]:
        """q(· | x) for each site, batch shape ``(B,)``; companions are those of the rows of x."""

    @property
    def amortised(self) -> AmortisedGuide:
        """The encoder and heads inside.

        Raises:
            TypeError: there are none.
        """
        raise TypeError(f"{type(self).__name__} has no encoder with heads: use an AmortisedGuide")

    def infer(
        self, x: Tensor, **companions: Tensor
    ) -> tuple[dict[str, TorchDistribution], dict[str, Tensor]]:
        """The posteriors, and the logits of q(c | x) by site where the rule is ``"amortised"``."""
        return self.posterior(x, **companions), {}

    def narrow(self, site: str, code: Tensor) -> None:
        """Make q(site | x) narrow beside the spread of ``code`` (N, D), where the family can be."""

    def posterior_like(self) -> dict[str, TorchDistribution]:
        """Posteriors of some datum, for looking at their families; empty if they need data."""
        return {}

    def forward(self, x: Tensor, n: int | None = None, **companions: Tensor) -> dict[str, Tensor]:
        """Emit every continuous latent given x ``(B, *event)``, and return them by site.

        Raises:
            TypeError: groups are given, which a guide without clusters cannot heed.
        """
        if any(map(is_groups, companions)):
            raise TypeError(
                f"groups are given, and {type(self).__name__} has no clusters: put "
                "Marginal(guide, prior) around it"
            )
        with pyro.plate("data", len(x)):
            return sample_sites(self.posterior(x, **companions))


def sample_sites(posteriors: Mapping[str, TorchDistribution]) -> dict[str, Tensor]:
    """Emit one Pyro site for each posterior."""
    return {site: pyro.sample(site, posterior) for site, posterior in posteriors.items()}


class AmortisedGuide(Guide, abstract=True):
    r"""A trunk shared by the heads of all latents.

    .. math:: q(z, w \mid x) = \prod_s q_s(\cdot \mid h(x))

    Args:
        encoder: a network from data ``(B, *event)`` to features ``(B, F)``.
        heads: by site name, a :class:`Head` from features to a distribution.

    Raises:
        ValueError: there is no head.

    Example:
        >>> import torch
        >>> from pyromix.guides import GaussianHead
        >>> guide = AmortisedGuide(nn.Linear(64, 32), z=GaussianHead(32, 10), w=GaussianHead(32, 2))
        >>> guide.posterior(torch.zeros(5, 64))["w"].event_shape
        torch.Size([2])
    """

    def __init__(self, encoder: nn.Module, **heads: Head) -> None:
        super().__init__()
        if not heads:
            raise ValueError("heads are missing: give one for each latent site, such as z=…")
        self.scaling: nn.Module = nn.Identity()  # of data that keep units of their own
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)

    @property
    def amortised(self) -> AmortisedGuide:
        """Itself."""
        return self

    def head(self, site: str) -> Head:
        """The head of a continuous site."""
        head = self.heads[site]
        assert isinstance(head, Head)
        return head

    def width(self, site: str) -> int:
        """Size of what a site's head sees, F; clusters see what their latent's head does."""
        return self.head(site_name("z", facet_of(site))).in_features

    def features(self, x: Tensor, **companions: Tensor) -> Any:
        """h(x), what the encoder gives: ``(B, *event)`` to ``(B, F)``.

        It is called with those companions that it names in its ``companions``.
        """
        return self.encoder(self.scaling(x), **heeded(self.encoder, companions))

    def features_for(self, features: Any, site: str) -> Tensor:
        """What a site's head sees of the features, ``(B, F)``: all."""
        whole: Tensor = features
        return whole

    def posterior_from(self, features: Any) -> dict[str, TorchDistribution]:
        """q(· | h) for each site, batch shape ``(B,)``."""
        return {site: head(self.features_for(features, site)) for site, head in self.heads.items()}

    def posterior(self, x: Tensor, **companions: Tensor) -> dict[str, TorchDistribution]:
        """q(· | x) for each site, batch shape ``(B,)``."""
        return self.posterior_from(self.features(x, **companions))

    def narrow(self, site: str, code: Tensor) -> None:
        """Make q(site | x) narrow beside the spread of ``code`` (N, D), where the family can be."""
        self.head(site).narrow(code)

    def posterior_like(self) -> dict[str, TorchDistribution]:
        """The posteriors of one datum whose features are all one."""
        ones = next(self.heads.parameters()).new_ones
        heads = {site: self.head(site) for site in self.heads}
        return {site: head(ones(1, head.in_features)) for site, head in heads.items()}
