"""The bound by Pyro's own enumeration: the default truth, for anyone's story and guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pyro.infer import TraceEnum_ELBO
from pyro.poutine import Trace

from ...parts import without_groups
from .objective import Evaluation, MixtureELBO, Program
from .traces import ScaleLatents, data_size, read_traces


class EnumeratedELBO(MixtureELBO, TraceEnum_ELBO, alias="enumerated"):
    r"""The bound by Pyro's exact enumeration: for any story and guide that Pyro enumerates.

    .. math:: L = \frac1N\, \mathbb E_{q(z, g \mid x)} \Bigl[
        \log \sum_m p(x, z, g, m) - \log q(z, g \mid x) \Bigr]

    g are the discrete sites enumerated in the guide, m those enumerated in the model, both summed
    exactly, and z all others, sampled. z may look at g, as in q(z | x, c), and discrete sites at
    each other. N counts the plates that hold every cluster: neither a plate of features nor an
    unrelated one changes nats per datum. A masked row counts in N.

    The loss without terms is Pyro's own, in value and gradient, on every such story. Its named
    parts and what terms look at are read off the traces: for each cluster the marginals q(c | x)
    and p(c), one for each datum where p(c) depends on it, of the rows that are not masked. Where
    traces do not say, :meth:`parts` or the first step with terms is refused in a line: clusters
    enumerated in the model that depend on each other across plates or in more than 10,000 joint
    states have no named parts (the loss is then one part, ``negative_bound``), and a p(c) that
    looks at a z drawn for each cluster apart is no p(c) for terms.

    Args:
        terms: functionals of the responsibilities to add, each with its own weight.
        kl_weight: multiplies everything the latents add to the loss; a sequence gives one for each
            facet (sites that end in ``_0``, ``_1``, …).
        num_particles: samples of the latents for each datum, in one vectorised pass.
        max_plate_nesting: how deep the story nests plates; every story of this package has one.

    Example:
        >>> from pyro.infer import SVI
        >>> from pyro.optim import Adam
        >>> from pyromix import VaDE
        >>> from pyromix.networks import Perceptron
        >>> model, guide = VaDE(n_clusters=3, networks=Perceptron(16)).build((64,))
        >>> svi = SVI(model, guide, Adam({"lr": 1e-3}), loss=EnumeratedELBO())
        >>> loss = svi.step(torch.rand(8, 64))
    """

    _recorded: list[tuple[Trace, Trace]] | None = None

    def _get_traces(
        self, model: Program, guide: Program, args: Any, kwargs: Any
    ) -> Iterator[tuple[Trace, Trace]]:
        traces: tuple[Trace, Trace]
        for traces in super()._get_traces(model, guide, args, kwargs):  # type: ignore[no-untyped-call]
            if self._recorded is not None:
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
        # Pyro wants one scale for all that is enumerated in the model; else the parts are the loss.
        uneven = len(set(weights.values())) > 1
        loss: Any = None
        traces: list[tuple[Trace, Trace]] = []
        self._recorded = traces
        try:
            if uneven:
                list(self._get_traces(model, guide, args, kwargs))
            elif torch.is_grad_enabled():
                loss = TraceEnum_ELBO.differentiable_loss(self, model, guide, *args, **kwargs)
            else:
                loss = TraceEnum_ELBO.loss(self, model, guide, *args, **kwargs)
        finally:
            self._recorded = None
        size = data_size(traces[0][0])
        reading = read_traces(traces, size * self.num_particles, differentiable=uneven)
        if uneven and reading.unnamed:
            raise NotImplementedError(reading.unnamed)
        if uneven:
            loss = torch.stack(list(reading.parts.values())).sum()
        else:  # without gradients a float: back to the precision and device of the traces
            loss = reading.zero + loss / size
        parts = reading.parts or {"negative_bound": loss}
        parts = {name: part.detach() for name, part in parts.items()}
        found = reading.responsibilities
        ungrouped = without_groups(kwargs)
        if self.terms and len(ungrouped) < len(kwargs):  # terms look at the guide's own law
            found = self.clusterings(model, guide, *args, **ungrouped)
        return Evaluation(loss, parts, found, reading.unnamed, reading.unread)
