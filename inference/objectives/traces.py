r"""Reading Pyro traces: responsibilities and named parts of the bound, off anyone's programs.

All of it is expectations under one law of the enumerated sites,

.. math:: \prod_{g} q(g \mid \cdot)\, \prod_{m} p(m \mid x, z, g)

with q(g | ·) as the guide says for the sites enumerated there, and Bayes' rule for those enumerated
in the model: the softmax of all log-probabilities that look at them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import torch
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from .factors import Factor, Law, UnreadableError, bayes, expect, log_prob, marginal, plates_of
from .terms import Clusterings

PARTICLES = "num_particles_vectorized"
ENUMERATED = {"_enumerate_dim", "_enum_total"}  # Pyro's marks, of parallel and of sequential


@dataclass
class Reading:
    """What the traces of one evaluation say.

    Attributes:
        zero: of the precision and on the device of the traces.
        parts: scalars by name in nats per datum; their sum is the negative bound.
        responsibilities: for each enumerated site its own q(c | x), ``(..., B, K)``, and p(c),
            ``(K,)``, or ``(..., B, K)`` if it depends on the datum. Masked rows are left out, and
            then B counts all rows that are left.
        unnamed: why the parts cannot be named; else empty.
        unread: why the responsibilities cannot be read; else empty.
    """

    zero: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    responsibilities: Clusterings = field(default_factory=dict)
    unnamed: str = ""
    unread: str = ""


class ScaleLatents(Messenger):
    """Multiply the log-probabilities of all latent sites, and of no observed one.

    Args:
        scale: a number, or one for each facet by the end of its sites' names.
    """

    def __init__(self, scale: float | Mapping[str, float]) -> None:
        super().__init__()
        self.scale = scale

    def _pyro_sample(self, msg: Any) -> None:
        if msg["is_observed"] or site_is_subsample(msg):
            return
        if isinstance(self.scale, Mapping):
            msg["scale"] = msg["scale"] * self.scale.get("_" + msg["name"].rpartition("_")[2], 1.0)
        else:
            msg["scale"] = msg["scale"] * self.scale


def data_size(model_trace: Trace) -> int:
    """How many data the bound is summed over: the full size of the plates that hold every cluster.

    Without clusters, or where they share no plate, latents count in their place, then observations.
    """
    sites = _sites(model_trace).values()
    clusters = [site for site in sites if _is_enumerated(site)]
    latents = [site for site in sites if not site["is_observed"]]
    for group in (clusters, latents, sites):
        stacks = [
            {f.name: f.full_size or f.size for f in site["cond_indep_stack"] if f.name != PARTICLES}
            for site in group
        ]
        stacks = [stack for stack in stacks if stack]
        if stacks and (shared := set.intersection(*map(set, stacks))):
            return math.prod(size for name, size in stacks[0].items() if name in shared)
    return 1


def read_traces(
    traces: Sequence[tuple[Trace, Trace]], total: int, *, differentiable: bool = False
) -> Reading:
    """Read the parts of the negative bound and the responsibilities off recorded traces.

    The gradient of a part holds for latents drawn by reparameterisation. Responsibilities of the
    model's own clusters maximise the sum of the parts, so that their gradients cancel in it.

    Args:
        traces: pairs of a model's and a guide's trace with packed log-probabilities, as many as the
            guide enumerates sequentially.
        total: number of data the bound is summed over, times particles.
        differentiable: keep the parts' gradients.

    Raises:
        NotImplementedError: gradients are asked for where a latent is drawn in another way.
    """
    sites = _sites(traces[0][0]).values()
    reading = Reading(torch.stack([site["log_prob"].new_zeros(()) for site in sites]).sum())
    # Products of probabilities need full precision.
    with torch.autocast(reading.zero.device.type, enabled=False):
        try:
            pairs = [_Pair(*pair) for pair in traces]
        except UnreadableError as refusal:
            return Reading(reading.zero, unnamed=str(refusal), unread=str(refusal))
        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            for pair in pairs:
                if differentiable:
                    pair.require_reparameterisation()
                for name, value in pair.parts().items():
                    reading.parts[name] = reading.parts.get(name, reading.zero) + value / total
        try:
            reading.responsibilities = _responsibilities(pairs)
        except UnreadableError as refusal:
            reading.unread = str(refusal)
    return reading


def _sites(trace: Trace) -> dict[str, Any]:
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site_is_subsample(site)
    }


def _is_enumerated(site: Mapping[str, Any]) -> bool:
    infer = site["infer"]
    return infer.get("num_samples") is None and bool(infer.keys() & ENUMERATED)


class _Pair:
    """One pair of traces: its sites, and the law of those that are enumerated."""

    def __init__(self, model_trace: Trace, guide_trace: Trace) -> None:
        self.model, self.guide = _sites(model_trace), _sites(guide_trace)
        self.clusters = {name: s for name, s in self.model.items() if _is_enumerated(s)}
        enumerated = {name: s for name, s in self.model.items() if "_enumerate_dim" in s["infer"]}
        inner = {name: s for name, s in enumerated.items() if name not in self.guide}
        self.posteriors = bayes(inner, self.model)
        self.laws = [Law.of(s) for s in self.guide.values() if s["infer"].keys() & ENUMERATED]
        self.laws += [posterior.law for posterior in self.posteriors]
        self.prior_laws = [Law.of(site) for site in self.clusters.values()]

    def parts(self) -> dict[str, Tensor]:
        """The negative bound by name, summed over its plates."""
        parts: dict[str, Tensor] = {}

        def add(key: str, value: Tensor) -> None:
            parts[key] = parts[key] + value if key in parts else value

        own = {name for posterior in self.posteriors for name in posterior.names}
        for name, site in self.model.items():
            key = "reconstruction" if site["is_observed"] else f"kl_{name}"
            # A mask on c, and not on what looks at c, takes nothing from Bayes' rule.
            cost = log_prob(site, scaled=True, masked=name not in own)
            add(key, -expect(cost, site, self.laws))
        for name, site in self.guide.items():
            add(f"kl_{name}", expect(log_prob(site, scaled=True), site, self.laws))
        for posterior in self.posteriors:
            for name, entropy in posterior.entropies().items():
                site = self.model[name]
                scaled = Factor(entropy.values * site["scale"], entropy.dims)
                add(f"kl_{name}", -expect(scaled, site, self.laws))
        return parts

    def require_reparameterisation(self) -> None:
        """Refuse a guide that draws a latent in another way."""
        for name, site in self.guide.items():
            if not _is_enumerated(site) and not site["fn"].has_rsample:
                raise NotImplementedError(
                    f"{name!r} is drawn without reparameterisation, and then every facet must have "
                    "the same kl_weight"
                )

    def looks_at_draws(self, name: str) -> bool:
        """Whether p(c) may look at latents that were drawn for each cluster apart."""
        site = self.clusters[name]
        letters = {letter for law in self.laws for letter in law.own}
        known = set(takewhile(lambda other: other != name, self.model))
        in_turn = apart = False
        for other, latent in self.guide.items():
            if _is_enumerated(latent):
                in_turn = in_turn or "_enum_total" in latent["infer"]
            elif other in known and in_turn:
                return True  # what p(c) looks at is not seen where traces are apart
            elif other in known:
                apart = apart or bool(letters & set(log_prob(latent).dims))
        if not apart:
            return False
        others = letters - {site["infer"].get("_enumerate_symbol")}
        shape, dim = site["fn"].batch_shape, site["infer"].get("_enumerate_dim", -math.inf)
        looks_at_itself = len(shape) >= -dim and shape[dim] > 1
        return looks_at_itself or bool(others & set(log_prob(site).dims))


def _responsibilities(pairs: Sequence[_Pair]) -> Clusterings:
    """For each cluster q(c | x) and p(c), both marginal over all other clusters."""
    found = {}
    for name, site in pairs[0].clusters.items():
        if pairs[0].looks_at_draws(name):
            raise UnreadableError(
                f"p({name}) cannot be read for terms, since it may look at a latent that the guide "
                "draws for each cluster apart; train without terms"
            )
        gamma = torch.stack([marginal(pair.clusters[name], pair.laws) for pair in pairs]).sum(0)
        prior = torch.stack([marginal(p.clusters[name], p.prior_laws) for p in pairs]).sum(0)
        gamma, prior = _unmasked(name, site, gamma), _unmasked(name, site, prior)
        rows = prior.flatten(0, -2)
        found[name] = gamma, rows[0] if bool((rows == rows[0]).all()) else prior
    if not found:
        raise UnreadableError(
            "the story enumerates no site, so there is nothing for terms to look at"
        )
    return found


def _unmasked(name: str, site: Mapping[str, Any], values: Tensor) -> Tensor:
    """The rows ``(..., B, K)`` that are not masked: all as they are, or some, ``(B', K)``."""
    mask = site["packed"]["mask"]
    if mask is None or mask is True:
        return values
    plates = "".join(plates_of(site))
    if mask is False or not bool(mask.any()):
        raise UnreadableError(
            f"every row of {name!r} is masked, so there is nothing for terms to look at"
        )
    if not set(mask._pyro_dims) <= set(plates):
        raise UnreadableError(
            f"the mask of {name!r} looks at another cluster, so its rows cannot be read"
        )
    kept = Factor(mask, mask._pyro_dims).aligned(plates).expand(values.shape[:-1])
    return values if bool(kept.all()) else values[kept]
