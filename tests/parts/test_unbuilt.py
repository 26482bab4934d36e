"""Parts given unbuilt: what builds them, what is refused, and copies with changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from pyromix import VaDE
from pyromix.guides import GaussianHead, Head, SphericalHead
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    Budget,
    ClosedFormELBO,
    GaussianMixtureStart,
    GroupsOf,
    LinearWarmup,
    MutualInformation,
    Pretraining,
    Progressive,
    Term,
    Training,
    VectorViews,
)
from pyromix.models import GammaMixture, GaussianMixture, Likelihood, MixturePrior, Normal
from pyromix.networks import ByShape, Perceptron
from pyromix.parts import Part, build, changed, check_arguments, given, keywords_of, resolve

misspelt: Any = partial  # its arguments are no type checker's business


def make_prior(n_clusters: int, latent_dim: int) -> MixturePrior:
    return GaussianMixture(n_clusters, latent_dim, covariance="full")


@pytest.mark.parametrize(
    ("value", "covariance"),
    [
        (GaussianMixture, "diag"),
        (partial(GaussianMixture, covariance="full"), "full"),
        (make_prior, "full"),
        (lambda k, d: GaussianMixture(k, d), "diag"),
        ("gaussian-mixture", "diag"),
        ("GaussianMixture", "diag"),
    ],
)
def test_a_part_is_a_class_a_partial_a_function_or_a_name(value: Any, covariance: str) -> None:
    prior = build("prior", value, MixturePrior, 3, 2)
    assert isinstance(prior, GaussianMixture)
    assert (prior.n_clusters, prior.latent_dim, prior.covariance) == (3, 2, covariance)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (
            GaussianMixture(3, 2),
            TypeError,
            r"built already: give the class GaussianMixture, or partial\(GaussianMixture, …\)",
        ),
        (GaussianHead, TypeError, "prior is GaussianHead: give a subclass of MixturePrior"),
        (partial(GaussianHead, log_scale=1.0), TypeError, r"prior is GaussianHead\(log_scale=1.0"),
        (3, TypeError, "prior is 3: give a subclass of MixturePrior, a partial of one, a function"),
        (None, TypeError, "prior is None"),
        ("gausian-mixture", ValueError, "prior is 'gausian-mixture': did you mean 'gaussian-mix"),
        ("normal", ValueError, "prior is 'normal': "),
        (
            misspelt(GaussianMixture, covarance="full"),
            TypeError,
            "prior: 'covarance' is no argument of GaussianMixture: did you mean 'covariance'",
        ),
    ],
)
def test_what_is_no_part_is_refused(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        resolve("prior", value, MixturePrior)


def test_what_a_function_makes_is_looked_at() -> None:
    with pytest.raises(TypeError, match=r"prior made a int: .* should make a MixturePrior"):
        build("prior", lambda k, d: k, MixturePrior, 3, 2)


def test_keywords_that_are_not_the_part_s_to_give() -> None:
    objective = partial(ClosedFormELBO, terms=[Affiliation()])
    with pytest.raises(TypeError, match="give terms to the estimator itself"):
        build("objective", objective, Part, terms=[])


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [
        (Autoencoder(3), Pretraining, Autoencoder(3)),
        (Autoencoder, Pretraining, Autoencoder()),
        ("autoencoder", Pretraining, Autoencoder()),
        ("Autoencoder", Pretraining, Autoencoder()),
    ],
)
def test_an_object_its_class_or_its_name(value: Any, base: type[Part], expected: Any) -> None:
    assert given("pretraining", value, base) == expected


@pytest.mark.parametrize(
    ("value", "base", "error", "words"),
    [
        (3, Pretraining, TypeError, r"pretraining is 3: give a Pretraining, such as Autoencoder\("),
        (Training(), Pretraining, TypeError, r"pretraining is Training\("),
        (GaussianMixture, Pretraining, TypeError, "pretraining is GaussianMixture"),
        ("autoencode", Pretraining, ValueError, "did you mean 'autoencoder'"),
        (0.5, Term, TypeError, r"pretraining is 0\.5: give a Term$"),
    ],
)
def test_what_is_no_such_object(
    value: Any, base: type[Part], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        given("pretraining", value, base)


def test_arguments_of_parts_are_looked_at_before_they_are_built() -> None:
    check_arguments(GaussianHead, {"log_scale": -1})
    check_arguments(lambda **anything: 0, {"whatever": 3})
    with pytest.raises(
        TypeError, match=r"'log_sclae' is no argument of GaussianHead: did you mean"
    ):
        check_arguments(GaussianHead, {"log_sclae": -1})
    with pytest.raises(TypeError, match=r"log_scale is 'wide': GaussianHead takes float"):
        check_arguments(GaussianHead, {"log_scale": "wide"})


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (GaussianHead, {"log_scale": -1.0}, {"log_scale": -1.0}),
        (partial(Normal, scale=0.2), {"scale": 0.3}, {"scale": 0.3}),
        (partial(SphericalHead, family="power-spherical"), {"concentration": 9.0}, None),
        (Autoencoder(3), {"learning_rate": 0.1}, {"epochs": 3, "learning_rate": 0.1}),
        (Training(), {"max_epochs__least": 2}, {"max_epochs": Budget(5000, 2, 40)}),
        (ByShape(), {"vectors__hidden_dims": (4,)}, {"vectors": Perceptron((4,))}),
        (GroupsOf(VaDE(n_clusters=3)), {"on": "code"}, {"on": "code"}),
        (partial(ClosedFormELBO, kl_weight=LinearWarmup(0.0, 1.0, 5)), {"kl_weight__steps": 9},
         {"kl_weight": LinearWarmup(0.0, 1.0, 9)}),
    ],
)  # fmt: skip
def test_a_copy_has_the_changes_and_the_part_has_not(
    value: Any, changes: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    before, shown = keywords_of(value), repr(value)
    copy = changed(value, **changes)
    wanted = {"family": "power-spherical", "concentration": 9.0} if expected is None else expected
    assert keywords_of(copy) | wanted == keywords_of(copy)
    others = keywords_of(copy).keys() - wanted.keys()
    assert {name: keywords_of(copy)[name] for name in others} == {n: before[n] for n in others}
    assert (keywords_of(value), repr(value)) == (before, shown)


def test_a_copy_of_a_part_that_is_no_dataclass_is_made_anew() -> None:
    term = MutualInformation(2.0, views=VectorViews())
    copy = changed(term, weight=LinearWarmup(0.0, 1.0, 3), balance=0.1)
    assert isinstance(copy, MutualInformation)
    assert (copy.balance, copy.views, copy.weight(3)) == (0.1, VectorViews(), 1.0)
    assert (term.balance, term.weight(3)) == (0.5, 2.0)


def test_arguments_within_arguments_of_an_estimator() -> None:
    start = GroupsOf(VaDE(training=Training(max_epochs=3)))
    copy = changed(start, clusterer__training__max_epochs=8)
    assert copy.clusterer.training.max_epochs == 8
    assert start.clusterer.training.max_epochs == 3


@pytest.mark.parametrize(
    ("value", "changes", "words"),
    [
        (GaussianHead, {"width": 3}, "'width' is no argument of GaussianHead"),
        (Autoencoder(), {"n_heads": 3}, "'n_heads' is no argument of Autoencoder"),
        (Training(), {"max_epochs__half": 3}, "'half' is no argument of Budget"),
        (Training(), {"max_epoch__least": 3}, "'max_epoch' is no argument of Training"),
        (Training(), {"max_epochs": "many"}, "max_epochs is 'many'"),
        (GaussianMixtureStart(), {"covariance": 3}, "covariance is 3"),
    ],
)
def test_changes_that_a_part_cannot_have(value: Any, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        changed(value, **changes)


def test_keywords_are_those_that_can_be_changed() -> None:
    assert keywords_of(GammaMixture) == {}
    assert keywords_of(partial(Normal, scale=0.1)) == {"scale": 0.1}
    assert keywords_of(Progressive((1,))) == {
        "join_epochs": (1,), "fade_steps": None, "order": None,
    }  # fmt: skip
    assert keywords_of(VaDE(n_clusters=3))["n_clusters"] == 3
    assert keywords_of(VaDE) == keywords_of("vade") == keywords_of(3) == {}


def test_a_user_s_dataclass_that_is_no_part_can_be_changed() -> None:
    @dataclass(frozen=True)
    class Mine:
        width: int = 3

    assert changed(Mine(), width=5) == Mine(5)


def test_heads_and_likelihoods_are_told_apart_by_kind() -> None:
    for base, name in ((Head, "normal"), (Likelihood, "gaussian-head")):
        with pytest.raises(ValueError, match=f"it is '{name}'"):
            resolve("it", name, base)
