"""Pyro's ``Predictive`` for stories with clusters: c is drawn from its posterior, x is new."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from pyro import poutine
from pyro.infer import config_enumerate, infer_discrete
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor, nn

from ...parts import Count, Natural, checked
from ..training import seeded, watched
from .answers import in_evaluation


class Predictive:
    r"""Draws of every site of a program given data: for any story and guide in plain Pyro.

    It is called as the story and the guide are and answers as ``pyro.infer.Predictive`` does, with
    two differences. A discrete site that the story enumerates and the guide has not, such as the
    cluster, is drawn from its posterior :math:`p(c \mid z, x)` given the guide's draw of the other
    sites; Pyro's draws it from the prior, whatever the data are. And what is observed is drawn
    anew, given all latents: the posterior predictive, and not the data once more.

    Draws are made one after the other and kept on the CPU, so that no more than one of them is on
    the device. Modules are in evaluation mode meanwhile, and Pyro's global generator is left as it
    was.

    Args:
        model: a Pyro program, such as :class:`pyromix.models.MixtureVAE`.
        guide: its guide; ``None``: everything is drawn from the story.
        num_samples: draws of each site, S.
        return_sites: names of the sites to keep; ``None``: all.
        max_plate_nesting: of the story, as for ``TraceEnum_ELBO``.
        seed: same seed, same draws.
        progress: show a bar.

    Raises:
        ValueError: a name that is no site of the story.

    Example:
        >>> from pyromix.guides import AmortisedGuide, GaussianHead
        >>> from pyromix.models import GaussianMixture, MixtureVAE, Normal
        >>> model = MixtureVAE(GaussianMixture(3, 2), Normal(nn.Linear(2, 4), (4,)))
        >>> guide = AmortisedGuide(nn.Linear(4, 8), z=GaussianHead(8, 2))
        >>> draws = Predictive(model, guide, num_samples=6)(torch.zeros(5, 4))
        >>> {site: tuple(value.shape) for site, value in draws.items()}
        {'z': (6, 5, 2), 'c': (6, 5), 'x': (6, 5, 4)}
    """

    @checked
    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any] | None = None,
        num_samples: Count = 100,
        *,
        return_sites: Collection[str] | None = None,
        max_plate_nesting: Natural = 1,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.model = model
        self.guide = guide
        self.num_samples = num_samples
        self.return_sites = return_sites
        self.max_plate_nesting = max_plate_nesting
        self.seed = seed
        self.progress = progress

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """By site, S draws one after another along a new first dimension: ``(S, …)``."""
        programs = (self.model, self.guide)
        with (
            # Pyro's store stays, since programs may need it.
            in_evaluation(*(each for each in programs if isinstance(each, nn.Module))),
            seeded(self.seed, "Predictive", device=_device(self.model)),
            watched(self._draw, self.num_samples, "draws", shown=self.progress) as draw,
        ):
            draws = [draw(args, kwargs) for _ in range(self.num_samples)]
        return {site: torch.stack([each[site] for each in draws]) for site in draws[0]}

    def _draw(self, args: Any, kwargs: Any) -> dict[str, Tensor]:
        """One draw of all sites."""
        latents: dict[str, Tensor] = {}
        if self.guide is not None:
            latents = _values(poutine.trace(self.guide).get_trace(*args, **kwargs))
            explained = infer_discrete(
                config_enumerate(poutine.condition(self.model, data=latents)),
                first_available_dim=-1 - self.max_plate_nesting,
                temperature=1,
                strict_enumeration_warning=False,
            )
            latents |= _values(poutine.trace(explained).get_trace(*args, **kwargs))
        again = poutine.condition(poutine.uncondition(self.model), data=latents)
        drawn = poutine.trace(again).get_trace(*args, **kwargs)
        everything = latents | _values(drawn)
        found = {name: everything[name].cpu() for name in everything if name in drawn}
        if self.return_sites is None:
            return found
        unknown = [name for name in self.return_sites if name not in found]
        if unknown:
            raise ValueError(
                f"return_sites has {unknown[0]!r}: the story has {', '.join(map(repr, found))}"
            )
        return {name: found[name] for name in self.return_sites}


def _values(trace: Any) -> dict[str, Tensor]:
    """What was drawn at each site, and not observed."""
    sites: Any = prune_subsample_sites(trace).nodes
    values: dict[str, Tensor] = {
        name: site["value"]
        for name, site in sites.items()
        if site["type"] == "sample" and not site["is_observed"]
    }
    return values


def _device(program: Any) -> torch.device:
    parameters = program.parameters() if isinstance(program, nn.Module) else iter(())
    return next((each.device for each in parameters), torch.device("cpu"))
