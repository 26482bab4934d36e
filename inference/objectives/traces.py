"""Reading Pyro traces: responsibilities and named parts of the bound, off anyone's story and guide.

For each enumerated site the responsibilities are the softmax of all log-probabilities that carry
its enumeration dimension; a cluster enumerated in the guide brings them itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .terms import entropy

PARTICLES = "num_particles_vectorized"


@dataclass
class Reading:
    """What a pair of traces says.

    Attributes:
        parts: scalars by name in nats per datum; their sum is the negative bound.
        responsibilities: for each enumerated site q(c | x), ``(..., B, K)``, and p(c), ``(K,)``.
        full_size: number of data the bound is summed over.
    """

    parts: dict[str, Tensor]
    responsibilities: dict[str, tuple[Tensor, Tensor]]
    full_size: int


class ScaleLatents(Messenger):
    """Multiply the log-probabilities of all latent sites, and of no observed one.

    Args:
        scale: a number, or one for each facet by the end of its sites' names.
    """

    def __init__(self, scale: float | Mapping[str, float]) -> None:
        super().__init__()
        self.scale = scale

    def _pyro_sample(self, msg: Any) -> None:
        if msg["is_observed"] or type(msg["fn"]).__name__ == "_Subsample":
            return
        if isinstance(self.scale, Mapping):
            msg["scale"] = msg["scale"] * self.scale.get("_" + msg["name"].rpartition("_")[2], 1.0)
        else:
            msg["scale"] = msg["scale"] * self.scale


def _sites(trace: Trace) -> dict[str, Any]:
    return {name: site for name, site in trace.nodes.items() if site["type"] == "sample"}


def _log_prob(site: Mapping[str, Any]) -> Tensor:
    """The site's log-probability with its mask and without its scale."""
    log_prob: Tensor = site["unscaled_log_prob"]
    mask = site["mask"]
    return log_prob if mask is None else torch.where(torch.as_tensor(mask), log_prob, 0.0)


def _carries(log_prob: Tensor, dim: int) -> bool:
    return log_prob.dim() >= -dim and log_prob.shape[dim] > 1


def _data_size(trace: Trace) -> int:
    """How many data the observed sites' plates stand for."""
    frames = {
        frame.name: frame
        for site in _sites(trace).values()
        if site["is_observed"]
        for frame in site["cond_indep_stack"]
        if frame.name != PARTICLES
    }
    return math.prod(frame.full_size or frame.size for frame in frames.values())


def _log_responsibilities(model_trace: Trace, guide_trace: Trace) -> dict[str, tuple[int, Tensor]]:
    """For each enumerated site its dimension, and log q(c | x) with c in that dimension."""
    model_sites, guide_sites = _sites(model_trace), _sites(guide_trace)
    found = {}
    for name, site in model_sites.items():
        dim = site["infer"].get("_enumerate_dim")
        if dim is None:
            continue
        if name in guide_sites:
            found[name] = dim, _log_prob(guide_sites[name])
            continue
        factors = [_within(other, site) for other in model_sites.values()]
        scores = sum(factor for factor in factors if _carries(factor, dim))
        if isinstance(scores, Tensor):
            found[name] = dim, scores.log_softmax(dim)
        else:  # one cluster
            found[name] = dim, torch.zeros_like(_log_prob(site))
    dims = {dim for dim, _ in found.values()}
    for dim, log_gamma in found.values():
        if any(_carries(log_gamma, other) for other in dims - {dim}):
            raise NotImplementedError(
                "enumerated sites depend on each other: their parts of the bound are not named; "
                "use Pyro's own TraceEnum_ELBO for this story"
            )
    return found


def _within(other: Mapping[str, Any], site: Mapping[str, Any]) -> Tensor:
    """The log-probability of a site, summed over the plates that another stands outside of."""
    shared = {frame.name for frame in site["cond_indep_stack"]}
    inner = [
        frame.dim
        for frame in other["cond_indep_stack"]
        if frame.vectorized and frame.name not in shared
    ]
    log_prob = _log_prob(other)
    return log_prob.sum(inner, keepdim=True) if inner else log_prob


def _expect(log_prob: Tensor, gammas: Sequence[tuple[int, Tensor]]) -> Tensor:
    """The expectation of a site's log-probability over the enumerated sites it depends on."""
    for dim, gamma in gammas:
        if _carries(log_prob, dim):
            log_prob = (gamma * log_prob).sum(dim, keepdim=True)
    return log_prob


def _mean(log_prob: Tensor, site: Mapping[str, Any], full_size: int) -> Tensor:
    """The site's scaled sum over its plates, per datum and particle."""
    plates = {frame.dim: frame.size for frame in site["cond_indep_stack"] if frame.vectorized}
    shape = [plates.get(dim, 1) for dim in range(min(plates, default=0), 0)]
    log_prob = log_prob.expand(torch.broadcast_shapes(log_prob.shape, torch.Size(shape)))
    particles = [frame.size for frame in site["cond_indep_stack"] if frame.name == PARTICLES]
    mean: Tensor = log_prob.sum() * site["scale"] / (full_size * math.prod(particles))
    return mean


def read_traces(
    traces: Sequence[tuple[Trace, Trace]], max_plate_nesting: int, *, differentiable: bool = False
) -> Reading:
    """Read the parts of the negative bound and the responsibilities off recorded traces.

    The gradient of a part holds for latents drawn by reparameterisation. Responsibilities of the
    model's own clusters maximise the sum of the parts, so that their gradients cancel in it.

    Args:
        traces: pairs of a model's and a guide's trace with log-probabilities computed.
        max_plate_nesting: dimensions of a log-probability that belong to plates.
        differentiable: keep the parts' gradients.

    Raises:
        NotImplementedError: gradients are asked for where a latent is drawn in another way.
    """
    parts: dict[str, Tensor] = {}
    gathered: dict[str, list[Tensor]] = {}
    weights: dict[str, Tensor] = {}
    for model_trace, guide_trace in traces:
        found = _log_responsibilities(model_trace, guide_trace)
        for name, (dim, log_gamma) in found.items():
            gathered.setdefault(name, []).append(_rows(log_gamma.exp(), dim, max_plate_nesting))
            prior = _rows(_log_prob(model_trace.nodes[name]).exp(), dim, max_plate_nesting)
            weights[name] = prior.flatten(0, -2)[0]
        if differentiable:
            _require_reparameterisation(guide_trace)
        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            for name, part in _named(model_trace, guide_trace, found).items():
                parts[name] = parts.get(name, torch.zeros_like(part)) + part / len(traces)
    responsibilities = {
        name: (rows[0] if len(rows) == 1 else torch.stack(rows), weights[name])
        for name, rows in gathered.items()
    }
    return Reading(parts, responsibilities, full_size=_data_size(traces[0][0]))


def _require_reparameterisation(guide_trace: Trace) -> None:
    for name, site in _sites(guide_trace).items():
        enumerated = site["infer"].get("_enumerate_dim") is not None
        continuous = not enumerated and type(site["fn"]).__name__ != "_Subsample"
        if continuous and not site["fn"].has_rsample:
            raise NotImplementedError(
                f"{name!r} is drawn without reparameterisation, and then every facet must have the "
                "same kl_weight"
            )


def _rows(values: Tensor, dim: int, max_plate_nesting: int) -> Tensor:
    """Move c from its enumeration dimension to the end: ``(..., B, K)``."""
    rows = values.movedim(dim, -1)
    plates = rows.shape[-1 - max_plate_nesting : -1]
    return rows.reshape(*plates, rows.shape[-1])


def _named(
    model_trace: Trace, guide_trace: Trace, found: Mapping[str, tuple[int, Tensor]]
) -> dict[str, Tensor]:
    """The negative bound of one pair of traces by name."""
    full_size = _data_size(model_trace)
    guide_sites = _sites(guide_trace)
    gammas = [(dim, log_gamma.exp()) for dim, log_gamma in found.values()]
    parts: dict[str, Tensor] = {}
    for name, site in _sites(model_trace).items():
        key = "reconstruction" if site["is_observed"] else f"kl_{name}"
        value = -_mean(_expect(_log_prob(site), gammas), site, full_size)
        opposite = guide_sites.get(name, site)
        if name in found:
            dim, log_gamma = found[name]
            negative_entropy = -entropy(log_gamma.exp().movedim(dim, -1)).unsqueeze(dim)
            value = value + _mean(negative_entropy, opposite, full_size)
        elif not site["is_observed"]:
            value = value + _mean(_log_prob(opposite), opposite, full_size)
        parts[key] = parts.get(key, torch.zeros_like(value)) + value
    return parts
