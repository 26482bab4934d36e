"""To ArviZ: posterior, posterior predictive, observed data and log p(x), with named dims."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterable
from typing import Any

import torch
from pyro.ops.stats import fit_generalized_pareto
from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ...parts import Count, checked
from ..training import ALONE, Rows, derive_seed, seeded
from .answers import BATCH_SIZE, asked, batched, device_of, encode
from .draws import draws_of
from .evidence import log_density, log_prior
from .probabilities import responsibilities

LARGEST = 2**28  # numbers in all draws, 1 GiB of float32
FEWEST_IN_TAIL = 5
ALIKE = 1e-3

Groups = dict[str, dict[str, Any]]


@checked
def to_arviz(
    model: MixtureVAE,
    guide: Guide,
    x: Tensor | Rows,
    *,
    n: Count = 100,
    var_names: Iterable[str] | None = None,
    seed: int = 0,
) -> Any:
    r"""What the guide says of ``x``, for ArviZ's plots and statistics.

    There is one chain, since a guide's draws are independent. Dims are ``chain``, ``draw``,
    ``datum``, then ``z_dim``, ``cluster_c`` or ``x_dim_0``, … Groups:

    - ``posterior``: every continuous latent, and ``responsibilities_c`` of every clustering, the
      same in each draw;
    - ``posterior_predictive`` and ``observed_data``: ``x``;
    - ``sample_stats``: ``log_weight``, log p(x, z) - log q(z | x) of each draw in nats, and
      ``pareto_k``, ``(datum,)``: above .7 the datum's log p(x) is not to be trusted;
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
    resampled = torch.Generator().manual_seed(derive_seed(seed, "to_arviz", "bootstrap"))
    times = _bootstrap(n, resampled)

    def draw(rows: Tensor, **companions: Tensor) -> dict[str, Tensor]:
        posteriors = guide.posterior(rows, **companions)
        latents = draws_of(guide, posteriors, rows, n, seed, **companions)
        law = model.law(latents, **companions)
        log_weight = law.log_prob(rows) + log_prior(model.prior, latents)
        log_weight = log_weight - log_density(posteriors, latents)
        top = log_weight.max(0).values
        mean = times.to(log_weight) @ (log_weight - top).exp() / n
        drawn = {site: z for site, z in latents.items() if site in kept}
        if "x" in kept:
            drawn["x"] = law.sample()
        return {**drawn, "log_weight": log_weight, "log_likelihood": top + mean.log()}

    with seeded(seed, "to_arviz", device=device_of(model)):
        draws = batched(model, guide, data, draw, max(1, BATCH_SIZE // n), dim=1)
    log_likelihood, log_weight = draws.pop("log_likelihood"), draws.pop("log_weight")
    groups: Groups = {"observed_data": {"x": data.x.cpu().numpy()}}
    if "x" in draws:
        groups["posterior_predictive"] = {"x": draws.pop("x")[None].numpy()}
    posterior = {site: value[None].numpy() for site, value in draws.items()}
    dims = {site: ["datum", f"{site}_dim"] for site in posterior}
    for site, gamma in responsibilities(model, guide, data, seed=seed).items():
        name = f"responsibilities_{site}"
        if name in kept:
            posterior[name] = gamma.expand(1, n, *gamma.shape).numpy()
            dims[name] = ["datum", f"cluster_{site}"]
    if posterior:
        groups["posterior"] = posterior
    dims["x"] = ["datum", *(f"x_dim_{axis}" for axis in range(data.x.dim() - 1))]
    per_datum: Groups = {
        "log_likelihood": {"x": log_likelihood[None].numpy()},
        "sample_stats": {"log_weight": log_weight[None].numpy()},
    }
    found = _inference_data(groups, dims, per_datum)
    stats = found["sample_stats"]
    like = stats["log_weight"][0, 0].drop_vars(("chain", "draw"))
    stats["pareto_k"] = like.copy(data=pareto_shapes(log_weight).numpy())
    return found


def _kept(
    model: MixtureVAE, guide: Guide, data: Rows, n: int, var_names: Iterable[str] | None
) -> Collection[str]:
    """The variables to keep, if there is room for their draws."""
    sizes = {site: code.shape[1] for site, code in encode(model, guide, data.at(slice(1))).items()}
    for mixture in model.prior.mixtures:
        sizes[f"responsibilities_{mixture.site('c')}"] = mixture.n_clusters
    sizes["x"] = data.x[0].numel()
    kept = list(sizes) if var_names is None else list(var_names)
    unknown = [name for name in kept if name not in sizes]
    if unknown:
        raise ValueError(f"var_names has {unknown[0]!r}: use some of {', '.join(sizes)}")
    numbers = n * len(data) * sum(sizes[name] for name in kept)
    if numbers > LARGEST:
        largest = max(kept, key=sizes.__getitem__)
        rest = [name for name in kept if name != largest]
        raise ValueError(
            f"{n} draws of {len(data)} data hold {numbers:.2g} numbers ({4 * numbers / 2**30:.1f} "
            f"GiB), {largest!r} most of them: use var_names={rest}, a smaller n, or fewer data"
        )
    return kept


def _bootstrap(n: int, generator: torch.Generator) -> Tensor:
    """How often each of n draws stands in each of n resamples of them, ``(n, n)``."""
    chosen = torch.randint(n, (n, n), generator=generator)
    return torch.zeros(n, n).scatter_add_(1, chosen, torch.ones(n, n))


def pareto_shapes(log_weight: Tensor) -> Tensor:
    """The shape k̂ of the tail of each datum's importance weights: ``(S, N)`` to ``(N,)``.

    NaN where fewer than 25 draws leave no tail to fit, and 0 where all weights are alike within a
    thousandth: the guide is the posterior, and what is left of a tail is rounding.
    """
    size = math.ceil(min(0.2 * len(log_weight), 3 * math.sqrt(len(log_weight))))
    if size < FEWEST_IN_TAIL:
        return torch.full_like(log_weight[0], math.nan)
    weights = (log_weight - log_weight.max(0).values).double().exp().sort(0).values
    tails = (weights[-size:] - weights[-size - 1]).T
    alike = weights[-1] - weights[0] < ALIKE
    return torch.tensor(
        [0.0 if same else _shape(tail) for tail, same in zip(tails, alike, strict=True)]
    )


def _shape(tail: Tensor) -> float:
    above = tail[tail > 0]
    return float(fit_generalized_pareto(above)[0]) if len(above) >= FEWEST_IN_TAIL else math.nan


def _inference_data(groups: Groups, dims: dict[str, list[str]], per_datum: Groups) -> Any:
    """Through the ``from_dict`` of ArviZ 0.x, or that of 1.x, which takes one mapping."""
    with ALONE, warnings.catch_warnings():
        # ArviZ 0.x announces its refactoring whenever it is imported.
        warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
        import arviz
    own = {name: ["datum"] for group in per_datum.values() for name in group}
    if int(arviz.__version__.split(".")[0]) >= 1:
        tree = arviz.from_dict(groups, dims=dims)
        tree.update(arviz.from_dict(per_datum, dims=own))
        return tree
    data = arviz.from_dict(**groups, dims=dims)  # type: ignore[arg-type]
    data.extend(arviz.from_dict(**per_datum, dims=own))  # type: ignore[arg-type]
    return data
