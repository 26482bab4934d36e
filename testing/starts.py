"""Whether a prior that is started from groups has their moments."""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot

from ..models import MixturePrior
from ..parts import Unbuilt, build
from .draws import N_DRAWS
from .latents import draws
from .laws import K, make, require_equal
from .quadrature import small_dims


def require_moments(factory: Unbuilt, name: str) -> None:
    """Refuse a prior that, started from groups of codes, has other means and spreads than they.

    The groups are drawn from another prior of the family and, where the space lets it, moved and
    stretched. A family may fit its moments roughly, and a style moves them a little.

    Args:
        factory: called with (K, D).
        name: of the space.

    Raises:
        AssertionError: names the component and the moment, and says how far it is off.

    Example:
        >>> from pyromix.models import GammaMixture
        >>> with torch.random.fork_rng():
        ...     require_moments(GammaMixture, "positive")
    """
    dim = small_dims(name)[1]
    source = make(factory, MixturePrior, K, dim)
    groups = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 6000, replacement=True)
    style = draws(source, 6000).values.get("w")
    with torch.no_grad():
        codes = source.component(groups, style).sample()
    codes = {"real": 3 * codes + 1, "positive": 3 * codes}.get(name, codes)
    prior = build("factory", factory, MixturePrior, K, dim).double()
    shares = one_hot(groups, K).double()
    try:
        prior.initialise(codes, shares)
    except NotImplementedError:
        return
    if prior.learn_weights:
        law = "started from groups, p(c) is their share"
        require_equal(prior, law, prior.weights, shares.mean(0), 2e-3)
    again = draws(prior, N_DRAWS)
    for cluster in range(K):
        style = again.values["w"] if "w" in prior.latent_sites else None
        chosen = torch.full((N_DRAWS,), cluster)
        with torch.no_grad():
            z = prior.component(chosen, style).sample()
        own = codes[groups == cluster]
        scale = own.std(0).clamp(min=1e-3)
        law = f"started from groups, component {cluster} has the {{}} of its codes"
        slack = 0.25 if style is None else 0.5
        require_equal(
            prior,
            law.format("mean, in standard deviations") + ", nearly",
            (z.mean(0) - own.mean(0)) / scale,
            torch.zeros(()),
            slack,
        )
        spread = z.std(0) / scale
        require_equal(
            prior,
            law.format("spread, as the logarithm of a ratio") + ", nearly",
            spread.log(),
            torch.zeros(()),
            slack,
        )
