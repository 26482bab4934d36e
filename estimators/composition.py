"""A story and its guide, composed of unbuilt parts once the shape of a datum is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..guides import (
    AmortisedGuide,
    GammaHead,
    GaussianHead,
    Guide,
    Head,
    LadderGuide,
    SphericalHead,
)
from ..models import Facets, Likelihood, MixturePrior, MixtureVAE, Observed, Prior
from ..networks import LadderNetworks, feature_dims
from ..parts import Natural, Unbuilt, build, find, keywords_of, resolve, spelt
from .encoders import encoder_for, shown

HEADS: dict[str, type[Head]] = {
    "real": GaussianHead,
    "positive": GammaHead,
    "sphere": SphericalHead,
}


def by_facet(name: str, value: Any, n_facets: int) -> tuple[Any, ...]:
    """An argument's value for each facet; a single one stands for all.

    Raises:
        ValueError: not one for each.
    """
    each = tuple(value) if isinstance(value, tuple | list) else (value,) * n_facets
    if len(each) != n_facets:
        raise ValueError(
            f"{name} is {spelt(value)}, and n_clusters makes {n_facets} facet(s): give one for "
            "each, or a single one for all"
        )
    return each


def compose(
    event_shape: tuple[int, ...],
    *,
    n_clusters: int | Sequence[int],
    latent_dim: int | Sequence[int],
    prior: Unbuilt | Sequence[Unbuilt],
    posterior: Unbuilt | Mapping[str, Unbuilt],
    likelihood: Unbuilt,
    networks: Any,
    assignment: Unbuilt,
    n_covariates: Natural = 0,
    fill: Tensor | None = None,
    hide: float = 0.0,
) -> tuple[MixtureVAE, Guide]:
    """A fresh story and its guide for data of this shape.

    Args:
        event_shape: shape of one datum, ``(X,)`` or ``(C, H, W)``.
        n_clusters: K; several make a facet each, side by side in one prior.
        latent_dim: D, by facet where there are several.
        prior: called with (K, D), by facet where there are several.
        posterior: called with (F, D) for every latent, or such a part for each by its name;
            ``"auto"`` is the family that lives where the prior does.
        likelihood: called with (decoder, event_shape).
        networks: what makes an encoder and a decoder.
        assignment: called with (guide, prior).
        n_covariates: P, of the companion ``covariates`` that encoder and decoder see as well.
        fill: of data with gaps: what the encoder sees of each feature there, ``(*event)``.
        hide: of data with gaps: how much the encoder is not to see besides, in training.

    Raises:
        TypeError: a part of another kind, one that is built already, or arguments that it has not.
        ValueError: an unknown name, or parts that do not go together.

    Example:
        >>> from pyromix.models import Bernoulli, GaussianMixture
        >>> from pyromix.networks import Perceptron
        >>> model, guide = compose(
        ...     (64,),
        ...     n_clusters=3,
        ...     latent_dim=2,
        ...     prior=GaussianMixture,
        ...     posterior="auto",
        ...     likelihood=Bernoulli,
        ...     networks=Perceptron(16),
        ...     assignment="marginal",
        ... )
        >>> model(n=5).shape
        torch.Size([5, 64])
    """
    several = isinstance(n_clusters, Sequence)
    sizes = tuple(n_clusters) if isinstance(n_clusters, Sequence) else (n_clusters,)
    if not sizes:
        raise ValueError("n_clusters is (): give a number for each facet, or one number")
    dims = by_facet("latent_dim", latent_dim, len(sizes))
    if min(dims) < 1:
        raise ValueError(f"latent_dim is {latent_dim}: a code needs at least one dimension")
    pair, decoded = networks_of(networks), decoded_shape(likelihood, event_shape)
    ladder = isinstance(pair, LadderNetworks)
    codes = (*dims[:-1], dims[-1] + n_covariates)
    sized = asks_sizes(likelihood)
    encoder = encoder_for(
        pair,
        event_shape,
        len(sizes),
        n_covariates=n_covariates,
        fill=fill,
        hide=hide,
        sized=sized,
    )
    decoder = pair.decoder(codes if ladder else sum(codes), decoded)
    mixtures = [
        build("prior", part, MixturePrior, k, dim)
        for part, k, dim in zip(by_facet("prior", prior, len(sizes)), sizes, dims, strict=True)
    ]
    priors: Prior = Facets(*mixtures) if several else mixtures[0]
    law = build("likelihood", likelihood, Likelihood, decoder, event_shape)
    if fill is not None and not law.leaves_gaps:
        law = Observed(law)
    story = MixtureVAE(priors, law, n_covariates=n_covariates)
    widths = feature_dims(encoder, event_shape, **shown(n_covariates, sized=sized))
    if len(widths) not in (1, len(sizes)):
        raise ValueError(
            f"networks makes features for {len(widths)} facets, and there are {len(sizes)}"
        )
    heads = {
        mixture.site(name): build(
            "posterior", head_of(posterior, mixture, name), Head, widths[facet % len(widths)], dim
        )
        for facet, mixture in enumerate(mixtures)
        for name, dim in mixture.latent_dims.items()
    }
    sites = {*heads, *(name for mixture in mixtures for name in mixture.latent_dims)}
    strange = set(posterior) - sites if isinstance(posterior, Mapping) else set()
    if strange:
        raise ValueError(
            f"posterior has a head for {min(strange)!r}, and the latents are "
            f"{', '.join(map(repr, heads))}: leave it out"
        )
    if n_covariates:
        refuse_data_of_its_own(mixtures)
    encoded = LadderGuide(encoder, **heads) if ladder else AmortisedGuide(encoder, **heads)
    priors.attach(encoded, event_shape)
    guide = build("assignment", assignment, Guide, encoded, priors)
    priors.check_guide(guide.posterior_like(), guide.assignment)
    return story, guide


def refuse_data_of_its_own(mixtures: Sequence[MixturePrior]) -> None:
    """Refuse mixtures that ask the guide about data of their own, which have no covariates.

    Raises:
        ValueError: names the mixture.
    """
    for mixture in mixtures:
        if type(mixture).attach is not MixturePrior.attach:
            raise ValueError(
                f"covariates are given, and the components of {type(mixture).__name__} are the "
                "guide's posteriors of data that have none: use another prior"
            )


def asks_sizes(likelihood: Unbuilt) -> bool:
    """Whether a likelihood that is not built yet is to have size factors.

    Example:
        >>> from functools import partial
        >>> from pyromix.models import Poisson
        >>> asks_sizes("poisson"), asks_sizes(partial(Poisson, size_factors="share"))
        (False, True)
    """
    made = resolve("likelihood", likelihood, Likelihood)
    return keywords_of(made).get("size_factors") is not None


def decoded_shape(likelihood: Unbuilt, event_shape: tuple[int, ...]) -> tuple[int, ...]:
    """What the decoder gives for a datum: as many channels as the likelihood asks for."""
    made = resolve("likelihood", likelihood, Likelihood)
    kind, arguments = getattr(made, "func", made), getattr(made, "keywords", {})
    asked = getattr(kind, "decoded_shape", Likelihood.decoded_shape)
    shape: tuple[int, ...] = asked(event_shape, **arguments)
    return shape


def head_of(
    posterior: Unbuilt | Mapping[str, Unbuilt], mixture: MixturePrior, name: str
) -> Unbuilt:
    """The part that makes the head of one of a mixture's latents.

    Raises:
        ValueError: there is none for it.
    """
    if isinstance(posterior, Mapping):
        site = mixture.site(name)
        found = posterior.get(site, posterior.get(name))
        if found is None:
            raise ValueError(
                f"posterior has no head for {site!r}, a latent of {type(mixture).__name__}: it has "
                f"{', '.join(map(repr, posterior)) or 'none'}; give one for each latent"
            )
        return found
    if posterior != "auto":
        return posterior
    support = mixture.lives_on() if name == "z" else "real"
    if support not in HEADS:
        raise ValueError(
            f"posterior is 'auto', and {type(mixture).__name__} lives on {support!r}, for which "
            "the zoo has no head: give one of your own"
        )
    return HEADS[support]


def networks_of(value: Any) -> Any:
    """The pair that makes an encoder and a decoder: an object, its class, or its name.

    Raises:
        TypeError: it has not both methods.
        ValueError: an unknown name.
    """
    if isinstance(value, str):
        value = find("networks", value)
    pair = value() if isinstance(value, type) and hasattr(value, "encoder") else value
    if not callable(getattr(pair, "encoder", None)) or not callable(getattr(pair, "decoder", None)):
        raise TypeError(
            f"networks is {spelt(value)}: give an object with the methods encoder(event_shape) and "
            "decoder(code_dim, event_shape), such as Perceptron()"
        )
    return pair
