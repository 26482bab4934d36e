"""The contract of a head."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..guides import Head
from ..models import GammaMixture, GaussianMixture, MixturePrior, Normal, VonMisesFisherMixture
from ..models.spaces import space
from ..parts import Unbuilt, build
from .draws import (
    N_DRAWS,
    N_WAVES,
    require_draws_match,
    require_same_mean,
    require_unit_integral,
    tabulate,
    waves,
)
from .laws import (
    clean_scope,
    gradients,
    make,
    require,
    require_equal,
    require_finite,
    require_state,
    trainable,
)
from .quadrature import mesh, place, small_dims
from .stories import require_bound, require_plain_vae

FEATURES = 5
BATCHES = 80  # of draws, whose gradients tell how far chance takes them
PRIORS: dict[str, type[MixturePrior]] = {
    "real": GaussianMixture,
    "positive": GammaMixture,
    "sphere": VonMisesFisherMixture,
}


def check_head(factory: Unbuilt) -> None:
    """Try every law that a head obeys.

    It takes features of any batch shape; q integrates to one and its draws follow it; the gradient
    of its draws is that of the density, by quadrature, for every parameter; its mean and entropy,
    where it has one, are those of its density; draws and gradients are finite at extreme features;
    :meth:`Head.narrow`, where there is one, narrows; its weights are all that it is; and with a
    prior of the zoo on its space the bound of a small story is that by brute force.

    Args:
        factory: the head's class, a ``functools.partial`` of it or a name, called with
            (in_features, latent_dim) as estimators do.

    Raises:
        AssertionError: says which law is broken and by how much.
        TypeError: the factory makes no head of these sizes.
        NotImplementedError: it lives on a space that there is no quadrature for.

    Example:
        >>> from pyromix.guides import GaussianHead
        >>> check_head(GaussianHead)
    """
    with clean_scope():
        features = torch.randn(2, FEATURES, dtype=torch.float64)
        name = space(make(factory, Head, FEATURES, 2)(features).support)
        for dim in small_dims(name):
            head = make(factory, Head, FEATURES, dim)
            _shapes(head, dim)
            _density(head, features, name)
            _extremes(head, name)
        head = make(factory, Head, FEATURES, small_dims(name)[0])
        _gradient(head, features, name)
        _narrow(make(factory, Head, FEATURES, 2), name)
        z = head(features).sample()
        other = build("factory", factory, Head, FEATURES, head.latent_dim).double()
        require_state(head, other, lambda part: part(features).log_prob(z))
        if name in PRIORS:
            for law in (require_plain_vae, require_bound):
                prior, noise = PRIORS[name], partial(Normal, scale=0.7)
                law(head, prior, factory, noise, small_dims(name)[0])


def _shapes(head: Head, dim: int) -> None:
    for batch in ((), (4,), (2, 4)):
        law = head(torch.randn(*batch, FEATURES, dtype=torch.float64))
        shapes = (tuple(law.batch_shape), tuple(law.event_shape))
        require(
            shapes == (batch, (dim,)),
            f"{head!r} breaks a law: features (…, F) make a law of batch shape (…) and event "
            f"shape (D,). Of {(*batch, FEATURES)} it makes {shapes} where {(batch, (dim,))} is "
            "right",
        )
    require(law.has_rsample, f"{head!r} breaks a law: its draws carry a gradient (rsample)")


def _density(head: Head, features: Tensor, name: str) -> None:
    law = head(features)
    with torch.no_grad():
        draws = law.rsample((N_DRAWS,))
    outside = int((~law.support.check(draws)).sum())
    require(
        outside == 0,
        f"{head!r} breaks a law: draws lie in the support. {outside} of {2 * N_DRAWS} lie outside",
    )
    table = tabulate(law.log_prob, name, draws)
    require_unit_integral(head, "q(z)", table)
    require_draws_match(head, "q(z)", draws, table)
    try:
        entropy = law.entropy()
    except NotImplementedError:
        pass
    else:
        by_density = -torch.xlogy(table.mass, table.log_density.exp()).sum(0)
        slack = 2e-3 + 5 * float(table.error.max())
        require_equal(head, "its entropy is that of its density", entropy, by_density, slack)
    # Only nearly: a flow's is an average over points.
    width = table.where[1].mean()
    require_equal(
        head,
        "its mean, in widths of q, is nearly that of its density",
        law.mean / width,
        table.mean(table.z) / width,
        0.05,
    )


def _gradient(head: Head, features: Tensor, name: str) -> None:
    """The pathwise gradient of means of bounded functions, and that of the density's weights."""
    law, parameters = head(features), trainable(head)
    where = place(law.sample((2000,)))
    weigh = torch.randn(N_WAVES, dtype=torch.float64)
    slopes = []
    for points in (4001, 8001):
        z, volume = mesh(name, *where, points)
        value = volume * law.log_prob(z).exp() * (waves(z, *where) @ weigh)
        slopes.append(torch.cat([g.flatten() for g in gradients(value.sum(), parameters)]))
    by_draws = []
    for _ in range(BATCHES):
        drawn = (waves(law.rsample((500,)), *where) @ weigh).sum(-1).mean()
        by_draws.append(torch.cat([g.flatten() for g in gradients(drawn, parameters)]))
    error = float((slopes[0] - slopes[1]).abs().max())
    require_same_mean(
        head,
        "the gradient of its draws is that of its density",
        torch.stack(by_draws),
        slopes[1],
        1e-3 * float(slopes[1].abs().max().clamp(min=1.0)) + 2 * error,
    )


def _extremes(head: Head, name: str) -> None:
    for size in (10.0, 100.0):
        law = head(size * torch.randn(50, FEATURES, dtype=torch.float64))
        z = law.rsample()
        slopes = gradients(law.log_prob(z.detach()).sum() + z.sum(), trainable(head))
        require_finite(
            head,
            f"draws, densities and gradients are finite at features of size {size:g}",
            [z, law.log_prob(z), *slopes],
        )


def _narrow(head: Head, name: str) -> None:
    if type(head).narrow is Head.narrow:
        return

    def coordinates(z: Tensor) -> Tensor:
        return z.log() if name == "positive" else z

    features = torch.randn(300, FEATURES, dtype=torch.float64)
    with torch.no_grad():
        code = head(features).mean
        head.narrow(code)
        noise = coordinates(head(features).sample((200,))).std(0).mean().item()
        spread = coordinates(code).std(0).mean().item()
    require(
        noise < spread / 2,
        f"{head!r} breaks a law: narrow(code) makes q narrow beside the code's spread. The noise "
        f"is {noise:.3g} and the spread {spread:.3g}",
    )
