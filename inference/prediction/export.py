"""To ArviZ: posterior, posterior predictive, observed data and log-likelihood with named dims."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor

from ...guides import Guide
from ...models import MixtureVAE
from ..training import seeded
from .answers import BATCH_SIZE, batched, device_of
from .probabilities import responsibilities


def to_arviz(model: MixtureVAE, guide: Guide, x: Tensor, *, n: int = 100, seed: int = 0) -> Any:
    """What the guide says of ``x``, for ArviZ's plots and statistics.

    Groups: ``posterior`` (every continuous latent, and the responsibilities of every clustering),
    ``posterior_predictive`` and ``observed_data`` (``x``), ``log_likelihood`` (log p(x | z) of each
    datum, nats). There is one chain, since a guide's draws are independent. Dims are ``chain``,
    ``draw``, ``datum``, then ``z_dim``, ``cluster`` or ``x_dim_0``, …

    Args:
        model: the story.
        guide: its guide.
        x: data, ``(N, *event)``.
        n: number of draws.
        seed: same seed, same draws.

    Returns:
        An ``InferenceData`` with ArviZ 0.x, a ``DataTree`` with ArviZ 1.x.
    """

    def draw(rows: Tensor) -> dict[str, Tensor]:
        latents = {site: q.sample((n,)) for site, q in guide.posterior(rows).items()}
        law = model.likelihood.distribution(model.prior.code(latents))
        return {**latents, "x": law.sample(), "log_likelihood": law.log_prob(rows)}

    with seeded(seed, "to_arviz", device=device_of(model)):
        draws = batched(model, guide, x, draw, max(1, BATCH_SIZE // n), dim=1)
    log_likelihood = draws.pop("log_likelihood")
    replicated = draws.pop("x")
    gammas = responsibilities(model, guide, x)
    latents = {site: value[None].numpy() for site, value in draws.items()}
    posterior = latents | {
        f"responsibilities_{site}": gamma.expand(1, n, *gamma.shape).numpy()
        for site, gamma in gammas.items()
    }
    event = [f"x_dim_{axis}" for axis in range(x.dim() - 1)]
    groups = {
        "posterior": posterior,
        "posterior_predictive": {"x": replicated[None].numpy()},
        "log_likelihood": {"x": log_likelihood[None].numpy()},
        "observed_data": {"x": x.cpu().numpy()},
    }
    dims = {site: ["datum", f"{site}_dim"] for site in latents}
    dims |= {f"responsibilities_{site}": ["datum", f"cluster_{site}"] for site in gammas}
    return _inference_data(groups, {**dims, "x": ["datum", *event]})


def _inference_data(groups: dict[str, dict[str, Any]], dims: dict[str, list[str]]) -> Any:
    """Through the ``from_dict`` of ArviZ 0.x, or that of 1.x, which takes one mapping."""
    with warnings.catch_warnings():
        # ArviZ 0.x announces its refactoring whenever it is imported.
        warnings.filterwarnings("ignore", category=FutureWarning, module="arviz")
        import arviz
    log_likelihood = groups.pop("log_likelihood")
    per_datum = {**dims, "x": ["datum"]}
    if int(arviz.__version__.split(".")[0]) >= 1:
        tree = arviz.from_dict(groups, dims=dims)
        tree.update(arviz.from_dict({"log_likelihood": log_likelihood}, dims=per_datum))
        return tree
    keywords: dict[str, Any] = groups
    data = arviz.from_dict(**keywords, dims=dims)
    data.extend(arviz.from_dict(log_likelihood=log_likelihood, dims=per_datum))
    return data
