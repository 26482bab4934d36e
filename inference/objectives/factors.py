r"""Sums over enumerated sites: Pyro's packed tensors as factors, contracted by opt_einsum.

A factor's dimensions have letters for names, one for each plate and each enumerated site, as Pyro
packs them. The law of the enumerated sites is a product of factors, so that every expectation and
every marginal is one contraction, however the sites depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch
from pyro.ops import packed
from pyro.ops.einsum import contract
from torch import Tensor
from torch.nn.functional import one_hot

from .information import entropy

LARGEST_TABLE = 10_000  # joint states of clusters that depend on each other given the data

Site = Mapping[str, Any]


class UnreadableError(NotImplementedError):
    """Something that the traces do not say, in words."""


class Factor(NamedTuple):
    """A tensor and the letters of its dimensions; dimensions of size one have none."""

    values: Tensor
    dims: str

    def aligned(self, dims: str) -> Tensor:
        """The tensor with these dimensions in order, of size one where it has none of its own."""
        order = [self.dims.index(letter) for letter in dims if letter in self.dims]
        sizes = dict(zip(self.dims, self.values.shape, strict=True))
        return self.values.permute(order).reshape([sizes.get(letter, 1) for letter in dims])


class Law(NamedTuple):
    """What weighs an enumerated site.

    Attributes:
        own: the letters it is a law over; none for a site enumerated sequentially, whose value is
            another in every trace.
        plates: names of the plates the site stands in.
        probabilities: ``own`` and what it looks at.
        times: how often what does not look at the site is met, in as many traces.
    """

    own: str
    plates: frozenset[str]
    probabilities: Factor
    times: int = 1

    @classmethod
    def of(cls, site: Site) -> Law:
        """The law that a site's own log-probability states, or that of its several draws."""
        values, dims = log_prob(site, masked=False)
        infer = site["infer"]
        draws = infer.get("num_samples")
        probabilities = values.exp() if draws is None else torch.full_like(values, 1 / draws)
        times = infer.get("_enum_total", 1)
        own = "" if times > 1 else infer.get("_enumerate_symbol", "")
        return cls(own, names_of(site), Factor(probabilities, dims), times)


class Posterior(NamedTuple):
    """Bayes' rule for clusters that the model enumerates and that depend on each other.

    Attributes:
        names: of the sites.
        letters: of the sites; none for a single cluster.
        law: their joint law, whose last dimensions are theirs.
    """

    names: tuple[str, ...]
    letters: tuple[str, ...]
    law: Law

    def entropies(self) -> dict[str, Factor]:
        """H(c) of the first site, and H(d | c) of those that follow, by the chain rule."""
        values, dims = self.law.probabilities
        outer = len(dims) - len(self.law.own)
        found, before = {}, values.new_zeros(())
        for place, name in enumerate(self.names):
            later = len("".join(self.letters[place + 1 :]))
            first = values.flatten(values.dim() - later).sum(-1) if later else values
            joint = entropy(first.reshape(*first.shape[:outer], -1))
            found[name] = Factor(joint - before, dims[:outer])
            before = joint
        return found


def log_prob(site: Site, *, scaled: bool = False, masked: bool = True) -> Factor:
    """A site's log-probability."""
    values = site["packed"]["unscaled_log_prob"]
    if scaled and masked:
        values = site["packed"]["log_prob"]
    elif masked:
        values = packed.scale_and_mask(values, mask=site["packed"]["mask"])
    dims: str = values._pyro_dims
    return Factor(values * site["scale"] if scaled and not masked else values, dims)


def names_of(site: Site) -> frozenset[str]:
    """Names of the plates a site stands in."""
    return frozenset(frame.name for frame in site["cond_indep_stack"] if frame.vectorized)


def plates_of(site: Site) -> dict[str, int]:
    """Letters and sizes of the plates a site stands in, from left to right."""
    letters = site["infer"]["_dim_to_symbol"]
    frames = [frame for frame in site["cond_indep_stack"] if frame.vectorized]
    return {letters[f.dim]: f.size for f in sorted(frames, key=lambda frame: frame.dim)}


def bayes(clusters: Mapping[str, Site], sites: Mapping[str, Site]) -> list[Posterior]:
    """The posteriors of clusters enumerated in the model, as factors of their joint law.

    Args:
        clusters: the sites.
        sites: all sites of the model.

    Raises:
        UnreadableError: clusters that depend on each other are too many or stand in different
            plates, or are drawn several times.
    """
    letter = {name: site["infer"]["_enumerate_symbol"] for name, site in clusters.items()}
    groups = [{name} for name in clusters]
    for site in sites.values():
        seen = {name for name in clusters if letter[name] in log_prob(site).dims}
        joined = [group for group in groups if group & seen]
        groups = [group for group in groups if not group & seen]
        groups += [set().union(*joined)] if joined else []
    ordered = ([name for name in clusters if name in group] for group in groups)
    return [_posterior(names, letter, sites) for names in ordered]


def _posterior(
    names: Sequence[str], letter: Mapping[str, str], sites: Mapping[str, Site]
) -> Posterior:
    """The joint law of clusters that depend on each other, or of one: a table of all states."""
    outside = sites[names[0]]
    together = " and ".join(map(repr, names))
    if any(sites[name]["infer"].get("num_samples") is not None for name in names):
        raise UnreadableError(f"{together}: drawn several times in the model and not enumerated")
    if len({names_of(sites[name]) for name in names}) > 1:
        raise UnreadableError(f"{together} depend on each other across plates")
    factors = []
    for name, site in sites.items():
        factor = log_prob(site, masked=name not in letter)
        if name in names or any(letter[other] in factor.dims for other in names):
            factors.append(_gathered(factor, plates_of(site), plates_of(outside)))
    sizes = {
        symbol: size
        for factor in factors
        for symbol, size in zip(factor.dims, factor.values.shape, strict=True)
    }
    letters = tuple(letter[name] if letter[name] in sizes else "" for name in names)
    own = "".join(letters)
    states = math.prod(sizes[symbol] for symbol in own)
    if len(names) > 1 and states > LARGEST_TABLE:
        raise UnreadableError(
            f"{together} depend on each other, in {states} joint states of at most {LARGEST_TABLE}"
        )
    outer = "".join(sorted(sizes.keys() - set(own)))
    joint = torch.as_tensor(sum(factor.aligned(outer + own) for factor in factors))
    table = joint.reshape(*joint.shape[: len(outer)], -1).softmax(-1).reshape(joint.shape)
    law = Law(own, names_of(outside), Factor(table, outer + own))
    return Posterior(tuple(names), letters, law)


def _gathered(factor: Factor, plates: Mapping[str, int], kept: Mapping[str, int]) -> Factor:
    """The factor summed over the plates that its clusters stand outside of."""
    inner = [symbol for symbol in factor.dims if symbol in plates and symbol not in kept]
    dims = "".join(symbol for symbol in factor.dims if symbol not in inner)
    return Factor(_contract([factor], dims), dims)


def expect(factor: Factor, site: Site, laws: Sequence[Law]) -> Tensor:
    """The expectation under the laws of a quantity of a site, summed over the site's plates.

    Args:
        factor: the quantity.
        site: says in which plates it stands.
        laws: those of all enumerated sites, each after those that it looks at.
    """
    weights, share = _weights(factor.dims, site, laws)
    if weights:  # where q is zero, log 0 counts nothing
        lowest = torch.finfo(factor.values.dtype).min / max(1, factor.values.numel())
        factor = Factor(factor.values.clamp(min=lowest), factor.dims)
    return _contract([factor, *weights], "") * share


def marginal(site: Site, laws: Sequence[Law]) -> Tensor:
    """The law of one enumerated site alone, ``(*plates, K)``, where ``()`` counts as one plate.

    Of a site enumerated sequentially only the trace's own value has any; sum over traces.
    """
    sequential = "_enum_total" in site["infer"]
    own = "" if sequential else site["infer"]["_enumerate_symbol"]
    plates = plates_of(site)
    weights, share = _weights(own, site, laws)
    carried = {letter for each in weights for letter in each.dims}
    dims = "".join(letter for letter in (*plates, *own) if letter in carried)
    values = Factor(_contract(weights, dims) * share, dims).aligned("".join(plates) + own)
    if sequential:
        support = site["fn"].enumerate_support(expand=False)
        place = next(i for i, value in enumerate(support) if bool((value == site["value"]).all()))
        index = torch.tensor(place, device=values.device)
        values = values.unsqueeze(-1) * one_hot(index, len(support)).to(values.dtype)
    return values.expand(*(plates.values() or (1,)), -1)


def _weights(dims: str, site: Site, laws: Sequence[Law]) -> tuple[list[Factor], float]:
    """The laws that a quantity with these letters looks at, and the share of a trace in it."""
    plates, reached = names_of(site), set(dims)
    weights, share = [], 1.0
    for law in reversed(laws):
        if not law.plates <= plates:
            share /= law.times
        elif not law.own or reached & set(law.own):
            weights.append(law.probabilities)
            reached |= set(law.probabilities.dims)
    return weights, share


def _contract(factors: Sequence[Factor], dims: str) -> Tensor:
    """The product of the factors, summed over all dimensions but these."""
    dtype = reduce(torch.promote_types, (factor.values.dtype for factor in factors))
    equation = ",".join(factor.dims for factor in factors) + "->" + dims
    values = (factor.values.to(dtype) for factor in factors)
    product: Tensor = contract(equation, *values, backend="torch")
    return product
