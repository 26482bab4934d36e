"""Arguments within arguments: ``training__max_epochs`` and ``prior__covariance``, by copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from ..guides import Guide, Head
from ..inference import MixtureELBO, Pretraining, Recipe, Start, Training
from ..models import Likelihood, MixturePrior
from ..networks import Networks
from ..parts import Part, changed, check_types, find, keywords_of, resolve, spelt, unknown
from .composition import networks_of

KINDS: dict[str, type[Part]] = {
    "prior": MixturePrior,
    "posterior": Head,
    "likelihood": Likelihood,
    "networks": Networks,
    "assignment": Guide,
    "objective": MixtureELBO,
    "pretraining": Pretraining,
    "start": Start,
    "training": Training,
}
UNBUILT = ("prior", "posterior", "likelihood", "assignment", "objective")


class Parameters:
    """Reads and sets the arguments of an estimator's parts as scikit-learn does.

    Parts are shared by all estimators that have them as defaults, so setting an argument of one
    puts a changed copy in its place.
    """

    networks: Any
    recipe: Callable[[], Recipe]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name; with ``deep`` those of parts too, as ``part__name``."""
        found: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]
        for name, value in list(found.items()) if deep else ():
            if "__" not in name:
                for inner, each in keywords_of(value).items():
                    found.setdefault(f"{name}__{inner}", each)
        return found

    def set_params(self, **params: Any) -> Self:
        """Set arguments by name, those of parts as ``part__name``.

        Raises:
            ValueError: an unknown argument.
            TypeError: an argument that a part has not.
        """
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            first, _, rest = name.partition("__")
            if rest:
                inner.setdefault(first, {})[rest] = value
            else:
                own[first] = value
        super().set_params(**own)  # type: ignore[misc]
        for name, changes in inner.items():
            if not hasattr(self, name):
                known = self.get_params(deep=False)
                raise ValueError(unknown("the argument", name, known))
            setattr(self, name, changed(self._part(name, min(changes)), **changes))
        return self

    def check_arguments(self) -> None:
        """Refuse arguments of the wrong type or kind, before any work.

        Raises:
            TypeError, ValueError: names the argument, what came and what would do.
        """
        given = self.get_params(deep=False)
        parts = {*KINDS, "terms"}  # which say more of what would do
        check_types(type(self), {name: given[name] for name in given if name not in parts})
        self._check_auto(given)
        networks_of(self.networks)
        for name, value in given.items():
            several = isinstance(value, tuple | list | Mapping)
            for each in (value if several else [value]) if name in UNBUILT else ():
                part = value[each] if isinstance(value, Mapping) else each
                if part != "auto":
                    resolve(name, part, KINDS[name])
        self.recipe()

    def _check_auto(self, given: Mapping[str, Any]) -> None:
        for name in ("latent_dim", "prior") if given["n_clusters"] == "auto" else ():
            if isinstance(given[name], tuple | list):
                raise ValueError(
                    f"n_clusters is 'auto', which finds one clustering, and {name} is "
                    f"{spelt(given[name])}, of several facets: give n_clusters a number for each"
                )

    def _part(self, name: str, wanted: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, str) and name in KINDS and value != "auto":
            value = find(KINDS[name].kind, value, name)
        if value is None or isinstance(value, str | int | float | tuple | list):
            raise ValueError(
                f"{name} is {spelt(value)}, which has no argument {wanted!r}: set {name} first"
            )
        return value

    def __repr__(self) -> str:
        """The arguments that are not at their defaults."""
        usual = type(self)().get_params(deep=False)
        given = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if value is not usual[name] and spelt(value) != spelt(usual[name])
        }
        listed = ", ".join(f"{name}={spelt(value)}" for name, value in given.items())
        return f"{type(self).__name__}({listed})"
