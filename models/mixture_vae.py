"""The generative story of every model in the zoo: a prior, then a likelihood."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pyro
import torch
from pyro.distributions import TorchDistribution
from pyro.nn import PyroModule
from torch import Tensor

from ..networks import checked_covariates
from ..parts import GROUPS, Natural, heeded, rows_html
from .likelihood import Likelihood
from .prior import Prior

_instances = itertools.count()


class MixtureVAE(PyroModule):
    r"""A deep mixture model: latents from the prior, data from the likelihood.

    .. math:: c, z \sim \text{prior}, \qquad x \mid z \sim \text{likelihood}

    Called it is a Pyro program with the plate ``"data"`` and the sites of its two parts.

    Args:
        prior: a program over clusters and latent vectors: a mixture, or :class:`Facets` of several.
        likelihood: a program over the data given the latent vector.
        n_covariates: numbers of the companion ``covariates``, ``(B, P)``, which the decoder is
            given after the code: x is then of z and of what is known of its row.

    Example:
        >>> import torch
        >>> from pyromix.models import Bernoulli, GaussianMixture
        >>> model = MixtureVAE(GaussianMixture(10, 2), Bernoulli(torch.nn.Linear(2, 64), (64,)))
        >>> model(n=5).shape
        torch.Size([5, 64])
    """

    def __init__(self, prior: Prior, likelihood: Likelihood, *, n_covariates: Natural = 0) -> None:
        # In Pyro's global store parameters are shared by name: every instance needs its own.
        super().__init__(f"{type(self).__name__}_{next(_instances)}")
        self.prior = prior
        self.likelihood = likelihood
        self.n_covariates = n_covariates

    def _repr_html_(self) -> str:
        sites = ", ".join(
            mixture.site(name) for mixture in self.prior.mixtures for name in mixture.latent_dims
        )
        parts = {"prior": self.prior, "likelihood": self.likelihood, "continuous latents": sites}
        size = sum(parameter.numel() for parameter in self.parameters())
        return rows_html("MixtureVAE", {**parts, "parameters": f"{size:,}"})

    @property
    def companions(self) -> tuple[str, ...]:
        """What the story looks at besides groups: its covariates, and what its likelihood does."""
        own = ("covariates",) if self.n_covariates else ()
        return (*own, *self.likelihood.companions)

    def forward(
        self, x: Tensor | None = None, n: int | None = None, **companions: Tensor
    ) -> Tensor:
        """Draw data, or score the data given.

        Args:
            x: observed data, ``(B, *event)``.
            n: how many to draw when there is no ``x``.
            **companions: of the rows, ``(B, ...)`` each: ``covariates`` if it has some, what the
                likelihood names in its ``companions``, and ``groups`` (``groups_0``, … of facets),
                which the guide heeds.

        Returns:
            x, ``(B, *event)``.

        Raises:
            ValueError: neither ``x`` nor ``n`` is given, or no covariates.
            TypeError: a companion that the story does not know.
        """
        known = {*(mixture.site(GROUPS) for mixture in self.prior.mixtures)}
        unknown = companions.keys() - known - {*self.companions}
        if unknown:
            raise TypeError(f"{min(unknown)!r} is no companion that this story knows")
        size = n if x is None else len(x)
        if size is None:
            raise ValueError("give x to score data, or n to draw data")
        with pyro.plate("data", size):
            code = self._beside(self.prior(), companions)
            drawn: Tensor = self.likelihood(code, x, **heeded(self.likelihood, companions))
        return drawn

    def _beside(self, code: Tensor, companions: Mapping[str, Tensor]) -> Tensor:
        """The code, with the covariates after it if there are any."""
        if not self.n_covariates:
            return code
        given = checked_covariates(companions.get("covariates"), self.n_covariates).to(code)
        return torch.cat([code, given.expand(*code.shape[:-1], -1)], -1)

    def code(self, latents: Mapping[str, Tensor], **companions: Tensor) -> Tensor:
        """What the likelihood decodes, ``(..., B, D)`` or, with covariates, ``(..., B, D + P)``."""
        return self._beside(self.prior.code(latents), companions)

    def coordinates(self, x: Tensor, **companions: Tensor) -> Tensor:
        """Where Euclidean methods such as k-means should look at data: as many for each.

        That is where the likelihood says, less what is linear in the covariates: groups are looked
        for in what these do not tell.

        Args:
            x: data, ``(N, *event)``.
            **companions: of the rows, ``(N, ...)`` each.
        """
        seen = self.likelihood.coordinates(x, **companions)
        if not self.n_covariates:
            return seen
        given = checked_covariates(companions.get("covariates"), self.n_covariates)
        return without_linear(seen, given)

    def law(self, latents: Mapping[str, Tensor], **companions: Tensor) -> TorchDistribution:
        """p(x | z) of continuous latents by site, ``(..., B, D)`` each.

        Args:
            latents: of every site.
            **companions: of the rows, ``(B, ...)`` each; the likelihood takes those that it names.
        """
        code = self.code(latents, **companions)
        return self.likelihood.given(code, **companions)

    def mean(self, latents: Mapping[str, Tensor], **companions: Tensor) -> Tensor:
        """E[x | z] of continuous latents by site: ``(..., B, D)`` to ``(..., B, *event)``."""
        code = self.code(latents, **companions)
        return self.likelihood.mean(code, **heeded(self.likelihood, companions))


def without_linear(x: Tensor, covariates: Tensor) -> Tensor:
    """Data ``(N, *event)`` less their least-squares fit to covariates ``(N, P)``; means stay.

    Example:
        >>> x, batch = torch.tensor([[1.0], [3.0], [11.0], [13.0]]), torch.tensor([0, 0, 1, 1])
        >>> without_linear(x, torch.eye(2)[batch]).flatten()
        tensor([6., 8., 6., 8.])
    """
    flat = x.flatten(1).double()
    centred = covariates.double() - covariates.double().mean(0)
    known = torch.where(flat.isnan(), flat.nanmean(0), flat).nan_to_num()
    slope = torch.linalg.pinv(centred) @ (known - known.mean(0))
    rest: Tensor = flat - centred @ slope
    return rest.to(x.dtype).view_as(x)
