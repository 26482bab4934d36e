"""The contract of a prior."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..estimators.composition import HEADS
from ..models import MixturePrior, Normal
from ..models.spaces import space
from ..parts import Unbuilt
from .brute_force import log_joint
from .draws import (
    N_DRAWS,
    require_draws_match,
    require_same_mean,
    require_unit_integral,
    tabulate,
)
from .latents import Draws, draws
from .laws import K, clean_scope, make, require, require_equal, require_finite, require_state
from .quadrature import grid, small_dims
from .starts import require_moments
from .stories import narrow_gaussian, require_bound, require_plain_vae

ORDER = torch.tensor([2, 0, 1])
Permute = Callable[[Any, Tensor], None]


def permute_rows(prior: MixturePrior, order: Tensor) -> None:
    """Put the clusters of a prior in another order, whose tensors have a row for each."""
    with torch.no_grad():
        for tensor in (*prior.parameters(), *prior.buffers()):
            if tensor.dim() and len(tensor) == prior.n_clusters:
                tensor.copy_(tensor[order].clone())


def check_prior(factory: Unbuilt, *, permute: Permute = permute_rows) -> None:
    """Try every law that a prior obeys.

    Its density integrates to one and its draws follow it; the program scores as
    :meth:`MixturePrior.log_joint` says; responsibilities are Bayes' rule, also where densities
    underflow; the closed form of E_q log p(c, z), where there is one, is that by quadrature;
    :meth:`MixturePrior.match_moments`, where there is one, restores moments; the order of the
    clusters means nothing; with one cluster it is a plain VAE; the bound of a small story is that
    by brute force, in value and gradient; and its weights are all that it is.

    Args:
        factory: the prior's class, a ``functools.partial`` of it or a name, called with
            (n_clusters, latent_dim) as estimators do.
        permute: puts the clusters of a prior in another order, in place; by default it reorders the
            rows of all tensors that have one for each cluster.

    Raises:
        AssertionError: says which law is broken and by how much.
        TypeError: the factory makes no prior of these sizes.
        NotImplementedError: it lives on a space that there is no quadrature for.

    Example:
        >>> from pyromix.models import StudentMixture
        >>> check_prior(StudentMixture)
    """
    with clean_scope():
        first = make(factory, MixturePrior, K, 2)
        name = space(draws(first, 2).supports["z"])
        for dim in small_dims(name):
            prior = make(factory, MixturePrior, K, dim)
            drawn = draws(prior, N_DRAWS)
            _sizes(prior, dim, drawn)
            _density(prior, name, drawn)
            _program(prior, name, drawn)
            _bayes(prior, name, drawn)
            _other(prior, make(factory, MixturePrior, K, dim), drawn, permute)
        _closed_form(make(factory, MixturePrior, K, small_dims(name)[0]), name)
        require_moments(factory, name)
        head = narrow_gaussian if name == "real" else HEADS[name]
        heads = {site: head if site == "z" else narrow_gaussian for site in prior.latent_sites}
        noise = partial(Normal, scale=0.7)
        for law in (require_plain_vae, require_bound):
            law(prior, factory, heads, noise, small_dims(name)[0])


def _own(prior: MixturePrior, drawn: Draws, n: int) -> dict[str, Tensor]:
    return {site: drawn.values[site][:n] for site in prior.latent_sites}


def _style(prior: MixturePrior, drawn: Draws) -> Tensor | None:
    return drawn.values["w"][0] if "w" in prior.latent_sites else None


def _sizes(prior: MixturePrior, dim: int, drawn: Draws) -> None:
    sizes = (prior.n_clusters, prior.latent_dim, set(prior.latent_dims))
    require(
        sizes == (K, dim, set(prior.latent_sites)),
        f"{prior!r} breaks a law: it has the sizes it is made with and a size for every latent. It "
        f"says K, D and latents are {sizes} where {(K, dim, set(prior.latent_sites))} are right",
    )
    require(drawn.enumerated, f"{prior!r} breaks a law: 'c' is emitted to be enumerated")
    shape = tuple(prior.log_joint(**_own(prior, drawn, 5)).shape)
    require(
        shape == (5, K),
        f"{prior!r} breaks a law: log_joint gives a number for each datum and cluster. Its shape "
        f"is {shape} where {(5, K)} is right",
    )
    total = prior.weights.sum()
    require_equal(prior, "its weights p(c) sum to one", total, torch.ones(()), 1e-9)
    require_equal(prior, "log_weights is log p(c)", prior.log_weights().exp(), prior.weights, 1e-9)


def _density(prior: MixturePrior, name: str, drawn: Draws) -> None:
    style = _style(prior, drawn)
    what = "p(z)" if style is None else "p(z | w)"
    total = tabulate(lambda z: prior.log_joint(z, style).logsumexp(-1), name, drawn.values["z"])
    require_unit_integral(prior, what, total)
    if style is not None and len(style) <= 2:
        z = drawn.values["z"][0]
        styles = tabulate(
            lambda w: prior.log_prob(z, w) - prior.log_joint(z, w).logsumexp(-1),
            space(drawn.supports["w"]),
            drawn.values["w"],
        )
        require_unit_integral(prior, "p(w), log p(z, w) less log p(z | w),", styles)
    law, z = prior.component(w=style), drawn.values["z"][:50]
    require_equal(
        prior,
        "component(c) is row c of component()",
        torch.stack([prior.component(torch.tensor(c), style).log_prob(z) for c in range(K)], -1),
        law.log_prob(z.unsqueeze(-2)),
        1e-8,
    )
    with torch.no_grad():
        each = law.sample((N_DRAWS,))
    components = tabulate(law.log_prob, name, each)
    require_unit_integral(prior, "every p(z | c)", components)
    require_draws_match(prior, "p(z | c)", each, components)
    if style is None:
        chosen = [
            prior.draw(torch.full((N_DRAWS,), cluster))[prior.site("z")] for cluster in range(K)
        ]
        drawn_of_each = torch.stack(chosen, 1)
        # Of the story, whose p(z | c) need not be the component.
        given = tabulate(
            lambda z: prior.log_joint(z).diagonal(dim1=-2, dim2=-1), name, drawn_of_each
        )
        require_draws_match(prior, "draw(cluster)", drawn_of_each, given)


def _program(prior: MixturePrior, name: str, drawn: Draws) -> None:
    own = _own(prior, drawn, 50)
    by_program = log_joint.dispatch(object)(prior, own["z"], own.get("w"))
    require_equal(
        prior,
        "its program scores as log_joint says, log p(c) + log p(z | c)",
        prior.log_joint(**own),
        by_program,
        1e-8,
    )
    cluster, latents = prior.draw_joint(N_DRAWS)
    joint = {site: latents[prior.site(site)] for site in prior.latent_sites}
    if "w" not in joint:
        total = tabulate(prior.log_prob, name, drawn.values["z"])
        require_draws_match(prior, "draw_joint", joint["z"], total)
    for chosen, theirs in ((drawn.values["c"], _own(prior, drawn, N_DRAWS)), (cluster, joint)):
        require_same_mean(
            prior,
            "drawn clusters follow the responsibilities of their z",
            (chosen.unsqueeze(-1) == torch.arange(K)).double() - prior.responsibilities(**theirs),
            torch.zeros(K),
            1e-6,
        )
    require_equal(
        prior,
        "the code that its program returns is code(latents)",
        drawn.code,
        prior.code({prior.site(site): drawn.values[site] for site in prior.latent_sites}),
        1e-8,
    )


def _bayes(prior: MixturePrior, name: str, drawn: Draws) -> None:
    own = _own(prior, drawn, 50)
    factors = {"real": (1.0, 1e2, 1e4), "positive": (1.0, 1e-3, 1e3)}.get(name, (1.0,))
    state = {key: value.clone() for key, value in prior.state_dict().items()}
    for factor in factors:
        for extreme in (0.0, 1e3):
            with torch.no_grad():
                prior.logits.copy_(state["logits"] + extreme * torch.arange(K))
            latents = {**own, "z": own["z"] * factor}
            joint, gamma = prior.log_joint(**latents), prior.responsibilities(**latents)
            law = "responsibilities are Bayes' rule, finite and of sum one, also at extreme values"
            require_finite(prior, law, [joint, gamma, prior.log_prob(**latents)])
            odds = joint.unsqueeze(-2) - joint.unsqueeze(-1)  # of every cluster to each
            require_equal(prior, law, gamma, 1 / odds.exp().sum(-1), 1e-9)
            require_equal(prior, law, gamma.sum(-1), torch.ones(()), 1e-9)
    prior.load_state_dict(state)


def _other(prior: MixturePrior, other: MixturePrior, drawn: Draws, permute: Permute) -> None:
    own = _own(prior, drawn, 50)
    require_state(prior, other, lambda part: part.log_joint(**own))
    permute(other, ORDER)
    require_equal(
        prior,
        "clusters in another order give the same answers in that order (if their parameters are "
        "not rows, give permute=)",
        other.log_joint(**own),
        prior.log_joint(**own)[..., ORDER],
        1e-8,
    )
    require_equal(
        prior,
        "clusters in another order leave log p(z) as it is",
        other.log_prob(**own),
        prior.log_prob(**own),
        1e-8,
    )


def _closed_form(prior: MixturePrior, name: str) -> None:
    head = HEADS[name](2, prior.latent_dim).double()
    q = head(torch.randn(2, 2, dtype=torch.float64))
    style = _style(prior, draws(prior, 1))
    try:
        closed = prior.expected_log_joint(q, style)
    except NotImplementedError:
        return
    totals = []
    for points in (121, 241):
        z, weights = grid(q, points)
        joint = prior.log_joint(z, style)
        totals.append((weights.unsqueeze(-1) * joint).sum(0))
    error = (totals[0] - totals[1]).abs().max().item()
    law = "expected_log_joint(q) is log p(c) + E_q log p(z | c)"
    require_equal(prior, law, closed, totals[1], 1e-6 + 3 * error)
