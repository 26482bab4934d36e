"""The bound by Pyro's own enumeration: the default truth, for anyone's story and guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pyro.infer import TraceEnum_ELBO
from pyro.poutine import Trace

from .objective import Evaluation, MixtureELBO, Program
from .traces import ScaleLatents, read_traces


class EnumeratedELBO(MixtureELBO, TraceEnum_ELBO, alias="enumerated"):
    """The bound by Pyro's exact enumeration of every discrete site: for any story, anyone's.

    The responsibilities and the named parts are read off the traces, so terms work on stories and
    guides that know nothing of this package.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss; a sequence gives one for each
            facet (sites that end in ``_0``, ``_1``, …).
        num_particles: samples of the latents for each datum, in one vectorised pass.
        max_plate_nesting: how deep the story nests plates; every story of this package has one.

    Example:
        >>> from pyro.infer import SVI
        >>> from pyro.optim import Adam
        >>> from pyromix.estimators import vade_story
        >>> model, guide = vade_story((64,), n_clusters=3, latent_dim=2, hidden_dims=(16,))
        >>> svi = SVI(model, guide, Adam({"lr": 1e-3}), loss=EnumeratedELBO())
        >>> loss = svi.step(torch.rand(8, 64))
    """

    def _get_traces(
        self, model: Program, guide: Program, args: Any, kwargs: Any
    ) -> Iterator[tuple[Trace, Trace]]:
        traces: tuple[Trace, Trace]
        for traces in super()._get_traces(model, guide, args, kwargs):  # type: ignore[no-untyped-call]
            self._recorded.append(traces)
            yield traces

    def negative_bound(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Evaluation:
        """The negative bound without terms."""
        weights = {f"_{i}": self.kl_weight(i) for i in range(len(self.kl_weights))}
        if any(weight != 1.0 for weight in weights.values()):
            scale = weights if len(weights) > 1 else weights["_0"]
            model, guide = ScaleLatents(scale)(model), ScaleLatents(scale)(guide)
        self._recorded: list[tuple[Trace, Trace]] = []
        # Pyro wants one scale for all that is enumerated in the model; else the parts are the loss.
        uneven = len(set(weights.values())) > 1
        loss: Any = None
        if uneven:
            list(self._get_traces(model, guide, args, kwargs))
        elif torch.is_grad_enabled():
            loss = TraceEnum_ELBO.differentiable_loss(self, model, guide, *args, **kwargs)
        else:
            loss = TraceEnum_ELBO.loss(self, model, guide, *args, **kwargs)
        reading = read_traces(self._recorded, self.max_plate_nesting, differentiable=uneven)
        self._recorded = []
        values = torch.stack(list(reading.parts.values()))
        parts = dict(zip(reading.parts, values.detach(), strict=True))
        if uneven:
            return Evaluation(values.sum(), parts, reading.responsibilities)
        # Without gradients Pyro gives a float: back to the precision and device of the traces.
        loss = torch.as_tensor(loss, dtype=values.dtype, device=values.device)
        return Evaluation(loss / reading.full_size, parts, reading.responsibilities)
