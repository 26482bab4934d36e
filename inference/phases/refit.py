"""Fitting a mixture to its codes anew on the way, apart from what other facets have found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Natural
from ..objectives import Hook, MixtureELBO
from ..prediction import BATCH_SIZE, batched, encode, responsibilities
from ..training import Rows, seeded
from .phase import Fit
from .progressive import During, Joining
from .start import shares
from .starts import GaussianMixtureStart

PLENTY = 100  # data for each parameter of a component, for covariances of their own


@dataclass(frozen=True, repr=False)
class Refit(During):
    """Fit every mixture to its codes anew once it has settled, by :func:`refit_mixture`.

    It is ours, not a paper's: a mixture that was set before its facet was trained is stale.

    Args:
        epochs: in the order in which the facets join, the epoch after which a facet's mixture is
            fitted anew; ``None``: halfway from its joining to the next later one or to the end.

    Raises:
        ValueError: in the fit, epochs that are not one for each facet, sooner than it joins, or
            after the end.
    """

    epochs: tuple[Natural, ...] | None = None

    whole = True

    def steps(self, joining: Joining, steps_per_epoch: int, end: int) -> tuple[int, ...]:
        """In the order of joining, the step before which a facet's mixture is fitted anew.

        Example:
            >>> Refit().steps(Joining((100,), 100), steps_per_epoch=10, end=300)
            (50, 200)
        """
        starts = (0, *joining.joins)
        if self.epochs is None:
            later = (next((each for each in starts if each > join), end) for join in starts)
            return tuple((join + after) // 2 for join, after in zip(starts, later, strict=True))
        steps = tuple(epoch * steps_per_epoch for epoch in self.epochs)
        if len(steps) != joining.n_facets or any(
            not start <= step < max(end, 1) for step, start in zip(steps, starts, strict=True)
        ):
            raise ValueError(
                f"Refit's epochs are {self.epochs}, and there are {joining.n_facets} mixture(s) "
                f"that join at the steps {starts} of {end}: give each an epoch no sooner than it "
                "joins and before the end"
            )
        return steps

    def hook(self, fit: Fit, elbo: MixtureELBO, joining: Joining) -> Hook:
        """Refit before those steps."""
        clock = elbo.clock
        assert clock is not None
        end = clock.steps_per_epoch * clock.epochs
        steps = self.steps(joining, clock.steps_per_epoch, end)
        return Refitting(fit, dict(zip(joining.facets, steps, strict=True)))


class Refitting:
    """Refits mixtures before given steps; logs ``refitted_j``, 1 from then on.

    Args:
        fit: the fit under way.
        steps: by facet, in the order of joining, the step before which it is fitted anew.
    """

    def __init__(self, fit: Fit, steps: dict[int, int]) -> None:
        self.fit, self.steps = fit, steps

    def due(self, step: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """The facets to fit anew before a step, each with those fitted before it."""
        order = list(self.steps)
        return tuple(
            (facet, tuple(each for each in order[:rank] if self.steps[each] <= step))
            for rank, facet in enumerate(order)
            if self.steps[facet] == step
        )

    @contextmanager
    def around(self, step: int, training: bool) -> Iterator[None]:
        """Refit what is due."""
        fit = self.fit
        for facet, given in self.due(step) if training else ():
            with torch.autocast(fit.x.device.type, enabled=False):
                refit_mixture(
                    fit.model, fit.guide, fit.data, facet, given=given, seed=fit.seed % 2**32
                )
        yield

    def log(self, step: int, row: dict[str, Any]) -> None:
        """Add what has been fitted anew."""
        for facet, refit in self.steps.items():
            row[f"refitted_{facet}"] = float(step > refit)


def refit_mixture(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    facet: int,
    *,
    given: Sequence[int] = (),
    seed: int = 0,
) -> None:
    """Fit one facet's mixture to its codes as they are now, apart from what other facets tell.

    Within each cluster of the given facets the codes are centred, so that what those facets have
    found is not found again; a Gaussian mixture makes the groups, with one full covariance for all
    components unless there are a hundred data for each parameter that a component has; and every
    component takes the moments of draws from q(z | x) in its group. It is ours, not a paper's.

    Args:
        model: the story, changed in place.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        facet: whose mixture, by number.
        given: the facets, by number, to set apart from.
        seed: of the draws and the clustering.

    Raises:
        FloatingPointError: codes that are no numbers.
    """
    mixtures = model.prior.mixtures
    mixture, site = mixtures[facet], mixtures[facet].site("z")
    features = mixture.coordinates(encode(model, guide, x)[site]).double().numpy()
    if not np.isfinite(features).all():
        raise FloatingPointError(f"the codes of facet {facet} are no numbers")
    found = responsibilities(model, guide, x) if given else {}
    for other in given:
        clusters = found[mixtures[other].site("c")].argmax(-1).numpy()
        for cluster in np.unique(clusters):
            features[clusters == cluster] -= features[clusters == cluster].mean(0)
    (n, dim), n_clusters = features.shape, mixture.n_clusters
    plenty = n >= PLENTY * n_clusters * dim * (dim + 3) / 2
    start = GaussianMixtureStart("full" if plenty else "tied")
    groups = shares(start.groups(features, n_clusters, seed), n, n_clusters)

    def draw(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        return {site: guide.posterior(rows, **companions)[site].sample()}

    with seeded(seed, "refit", facet):
        draws = batched(model, guide, x, draw, BATCH_SIZE)
    target = mixture.logits
    mixture.initialise(draws[site].to(target), torch.as_tensor(groups).to(target))
