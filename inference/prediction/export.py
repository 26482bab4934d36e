"""To ArviZ: posterior, posterior predictive, observed data and log p(x), with named dims."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, checked
from ..training import ALONE, Rows, derive_seed, seeded
from .answers import BATCH_SIZE, asked, batched, device_of, encode
from .clusters import cluster_draws
from .draws import draws_of
from .evidence import log_density, log_prior
from .latents import prior_predictive
from .probabilities import responsibilities
from .tails import pareto_shapes

STATS = ("log_p", "log_q", "log_weight")
LARGEST = 2**28  # numbers in all draws, 1 GiB of float32

Groups = dict[str, dict[str, Any]]


@checked
def to_arviz(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    n: Count = 100,
    var_names: Iterable[str] | None = None,
    coords: Mapping[str, Sequence[Any]] | None = None,
    seed: int = 0,
) -> Any:
    r"""What the story and the guide say of ``x``, for ArviZ's plots and statistics.

    There is one chain, since a guide's draws are independent. Dims are ``chain``, ``draw``,
    ``datum``, then ``z_dim``, ``cluster_c`` or ``x_dim_0``, … Groups:

    - ``posterior``: every continuous latent; of every clustering the cluster ``c``, drawn from
      q(c | x), the shares of the data ``shares_c`` that these draws give each cluster, and
      ``responsibilities_c``, the same in each draw;
    - ``posterior_predictive`` and ``observed_data``: ``x``;
    - ``prior`` and ``prior_predictive``: the same latents and ``x``, as many as of the posterior,
      drawn from the story before it sees data; they are there where ``x`` is kept;
    - ``sample_stats``: log p(x, z) as ``log_p``, log q(z | x) as ``log_q`` and their difference
      ``log_weight`` of each draw in nats, and ``pareto_k``, ``(datum,)``: above .7 the datum's
      log p(x) is not to be trusted;
    - ``log_likelihood``: log p(x) of each datum in nats, importance-weighted from these draws; its
      draws are bootstrap replicates, which spread by the error of that estimate and nothing else.

    **Leaving one out.** The story's parameters are one estimate and no draw of them, and given them
    data are independent, so that leaving a datum out changes nothing: the exact leave-one-out
    :math:`\log p(x_i \mid x_{-i})` is :math:`\log p(x_i)`, and that is what ``az.loo`` and
    ``az.compare`` give. For data that the parameters were *not* fitted to it is how well the story
    predicts; for those they were, it is in-sample and optimistic: hand held-out data in.

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``, or :class:`Rows` with companions.
        n: number of draws.
        var_names: of the variables to keep, such as ``["z", "responsibilities_c"]``; ``"x"`` are
            the replicates. By default all. ``az.loo`` asks for one of the posterior.
        coords: names along dims, such as ``{"x_dim_0": columns, "cluster_c": ["a", "b", "c"]}``.
        seed: same seed, same draws.

    Returns:
        An ``InferenceData`` with ArviZ 0.x, a ``DataTree`` with ArviZ 1.x.

    Raises:
        ValueError: ``n`` is below 1, a name that is not there, or draws of more than 2^28 numbers.

    References:
        Vehtari, Gelman & Gabry (2017). Practical Bayesian model evaluation using leave-one-out
        cross-validation and WAIC. arXiv 1507.04544.
        Vehtari, Simpson, Gelman, Yao & Gabry (2024). Pareto smoothed importance sampling. JMLR 25.
    """
    data = asked(x)
    kept = _kept(model, guide, data, n, var_names)
    clusterings = {mixture.site("c") for mixture in model.prior.mixtures}
    wanted = {*kept, *(site for site in clusterings if f"shares_{site}" in kept)}
    resampled = torch.Generator().manual_seed(derive_seed(seed, "to_arviz", "bootstrap"))
    times = _bootstrap(n, resampled)

    def draw(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors, logits = guide.infer(rows, **companions)
        latents = draws_of(guide, posteriors, rows, n, seed, **companions)
        clusters = cluster_draws(model, guide, rows, posteriors, latents, logits, seed)
        law = model.law(latents, **companions)
        log_p = law.log_prob(rows) + log_prior(model.prior, latents)
        log_q = log_density(posteriors, latents)
        log_weight = log_p - log_q
        top = log_weight.max(0).values
        mean = times.to(log_weight) @ (log_weight - top).exp() / n
        drawn = {site: value for site, value in (latents | clusters).items() if site in wanted}
        if "x" in kept:
            drawn["x"] = law.sample()
        stats = {"log_p": log_p, "log_q": log_q, "log_weight": log_weight}
        return {**drawn, **stats, "log_likelihood": top + mean.log()}

    with seeded(seed, "to_arviz", device=device_of(model)):
        draws = batched(model, guide, data, draw, max(1, BATCH_SIZE // n), dim=1)
    per_datum: Groups = {
        "log_likelihood": {"x": draws.pop("log_likelihood")[None].numpy()},
        "sample_stats": {name: draws.pop(name)[None].numpy() for name in STATS},
    }
    groups: Groups = {"observed_data": {"x": data.x.cpu().numpy()}}
    dims = {"x": ["datum", *(f"x_dim_{axis}" for axis in range(data.x.dim() - 1))]}
    if "x" in kept:
        groups["posterior_predictive"] = {"x": draws.pop("x")[None].numpy()}
        before = _before(model, data, n, seed)
        groups["prior_predictive"] = {"x": before.pop("x")}
        groups["prior"] = {site: value for site, value in before.items() if site in kept}
    posterior = {site: value[None].numpy() for site, value in draws.items() if site in kept}
    gammas = responsibilities(model, guide, data, seed=seed)
    for mixture in model.prior.mixtures:
        site = mixture.site("c")
        if f"shares_{site}" in kept:
            held = torch.nn.functional.one_hot(draws[site], mixture.n_clusters).float().mean(1)
            posterior[f"shares_{site}"] = held[None].numpy()
        if f"responsibilities_{site}" in kept:
            gamma = gammas[site]
            posterior[f"responsibilities_{site}"] = gamma.expand(1, n, *gamma.shape).numpy()
        dims[f"shares_{site}"] = [f"cluster_{site}"]
        dims[f"responsibilities_{site}"] = ["datum", f"cluster_{site}"]
        dims[site] = ["datum"]
        dims |= {each: ["datum", f"{each}_dim"] for each in map(mixture.site, mixture.latent_dims)}
    if posterior:
        groups["posterior"] = posterior
    found = _inference_data(groups, dims, per_datum, coords or {})
    stats = found["sample_stats"]
    like = stats["log_weight"][0, 0].drop_vars(("chain", "draw"))
    log_weight = torch.as_tensor(per_datum["sample_stats"]["log_weight"][0])
    stats["pareto_k"] = like.copy(data=pareto_shapes(log_weight).numpy())
    return found


def _kept(
    model: MixtureVAE, guide: Guide, data: Rows, n: int, var_names: Iterable[str] | None
) -> Collection[str]:
    """The variables to keep, if there is room for their draws."""
    sizes = {site: code.shape[1] for site, code in encode(model, guide, data.at(slice(1))).items()}
    for mixture in model.prior.mixtures:
        site = mixture.site("c")
        sizes |= {site: 1, f"shares_{site}": 0}
        sizes[f"responsibilities_{site}"] = mixture.n_clusters
    sizes["x"] = data.x[0].numel()
    kept = list(sizes) if var_names is None else list(var_names)
    unknown = [name for name in kept if name not in sizes]
    if unknown:
        raise ValueError(f"var_names has {unknown[0]!r}: use some of {', '.join(sizes)}")
    numbers = n * len(data) * sum(sizes[name] for name in kept)
    numbers *= 2 if "x" in kept else 1  # before data are seen, too
    if numbers > LARGEST:
        largest = max(kept, key=sizes.__getitem__)
        rest = [name for name in kept if name != largest]
        raise ValueError(
            f"{n} draws of {len(data)} data hold {numbers:.2g} numbers ({4 * numbers / 2**30:.1f} "
            f"GiB), {largest!r} most of them: use var_names={rest}, a smaller n, or fewer data"
        )
    return kept


def _before(model: MixtureVAE, data: Rows, n: int, seed: int) -> dict[str, Any]:
    """Draws of the story, n for each datum, with its companions: ``(1, n, N, …)``."""
    companions = {name: torch.cat([value] * n) for name, value in data.companions.items()}
    drawn = prior_predictive(model, n * len(data), companions=companions, seed=seed)
    return {
        site: value.reshape(1, n, len(data), *value.shape[1:]).numpy()
        for site, value in drawn.items()
    }


def _bootstrap(n: int, generator: torch.Generator) -> Tensor:
    """How often each of n draws stands in each of n resamples of them, ``(n, n)``."""
    chosen = torch.randint(n, (n, n), generator=generator)
    return torch.zeros(n, n).scatter_add_(1, chosen, torch.ones(n, n))


def _inference_data(
    groups: Groups,
    dims: dict[str, list[str]],
    per_datum: Groups,
    coords: Mapping[str, Sequence[Any]],
) -> Any:
    """Through the ``from_dict`` of ArviZ 0.x, or that of 1.x, which takes one mapping."""
    with ALONE, warnings.catch_warnings():
        # ArviZ 0.x announces its refactoring whenever it is imported.
        warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
        import arviz
    own = {name: ["datum"] for group in per_datum.values() for name in group}
    named = {name: list(values) for name, values in coords.items()}
    used = {name for each in dims.values() for name in each}
    if not named.keys() <= used:
        raise ValueError(
            f"coords has {min(named.keys() - used)!r}: the dims are {', '.join(sorted(used))}"
        )
    if int(arviz.__version__.split(".")[0]) >= 1:
        tree = arviz.from_dict(groups, dims=dims, coords=named)
        tree.update(arviz.from_dict(per_datum, dims=own, coords=named))
        return tree
    data = arviz.from_dict(**groups, dims=dims, coords=named)  # type: ignore[arg-type]
    data.extend(arviz.from_dict(**per_datum, dims=own, coords=named))  # type: ignore[arg-type]
    return data
