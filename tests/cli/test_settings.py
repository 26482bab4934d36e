"""Arguments reach the estimator by name and type, or are refused with a remedy."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pyromix import DHVC, GMVAE, MFCVAE, VaDE
from pyromix.cli.settings import arguments, as_typed, put
from pyromix.estimators import ESTIMATORS
from pyromix.inference import Affiliation, Autoencoder, Budget, InformationFloor
from pyromix.models import GaussianMixture, StyleMixture
from pyromix.networks import Perceptron
from pyromix.parts import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("-2", -2),
        ("(16,)", (16,)),
        ("[500, 500]", (500, 500)),
        ("500,500", (500, 500)),
        ("()", ()),
        ("None", None),
        ("True", True),
        ("full", "full"),
        ("'full'", "full"),
        ("a=b", "a=b"),
        ("closed-form", "closed-form"),
        ("{'z': 'gaussian-head'}", {"z": "gaussian-head"}),
        ("Autoencoder(5)", Autoencoder(5)),
        ("Perceptron((500, 500), batch_norm=True)", Perceptron((500, 500), batch_norm=True)),
        ("GaussianMixture()", GaussianMixture),
    ],
)
def test_a_value_is_a_literal_a_word_or_parts(text: str, value: object) -> None:
    assert parse(text) == value
    assert type(parse(text)) is type(value)


def test_parts_are_given_unbuilt_and_terms_as_objects() -> None:
    prior = parse("GaussianMixture(covariance='full')")
    assert isinstance(prior, partial)
    assert (prior.func, prior.keywords) == (GaussianMixture, {"covariance": "full"})
    floor, affiliation = parse("[InformationFloor(2.0), Affiliation(form='max')]")
    assert isinstance(floor, InformationFloor)
    assert isinstance(affiliation, Affiliation)
    assert (floor.floor, affiliation.form) == (2.0, "max")


@pytest.mark.parametrize("kind", ESTIMATORS.values())
def test_every_default_passes_its_own_check(kind: type[VaDE]) -> None:
    for name, default in kind().get_params().items():
        if not isinstance(default, str):
            assert put(kind(), name, default, "") is default
        else:
            assert put(kind(), name, default, "") == default


@pytest.mark.parametrize(
    "setting",
    [
        "n_clusters=1.5",
        "networks.hidden_dims=abc",
        "networks.hidden_dims=(1.5,)",
        "networks.batch_norm=1",
        "latent_dim=True",
        "training.max_epochs=2.5",
        "training.max_epochs=Budget('x')",
        "training.during=Refit()",
        "training.during=(Refit(3),)",
        "start.epochs=ten",
        "terms=[Affiliation(LinearWarmup('a', 1.0, 2))]",
        "terms=[MutualInformation(1.0, views=VectorViews('a'))]",
        "terms=[InformationFloor('a')]",
        "terms=[OnFacets(Affiliation(), 3)]",
        "terms=[Affiliation(Piecewise([1, 2]))]",
        "prior=StyleMixture(style_dim='x')",
        "prior.covariance=3",
        "likelihood=Normal(scale='a')",
        "posterior.log_scale=abc",
        "objective=ClosedFormELBO(kl_weight=('a', 2.0))",
    ],
)
def test_a_value_of_another_type_is_refused(setting: str) -> None:
    with pytest.raises((TypeError, ValueError), match=r"--set .*: \w+ is .* takes ") as caught:
        arguments(VaDE, {}, [setting])
    assert str(caught.value).startswith(f"--set {setting}: ")
    assert "\n" not in str(caught.value)


def test_an_option_is_told_as_it_was_given() -> None:
    assert arguments(VaDE, {"n_clusters": "3", "device": "cpu"}, []) == {
        "n_clusters": 3,
        "device": "cpu",
    }
    assert arguments(VaDE, {"n_clusters": "auto"}, []) == {"n_clusters": "auto"}
    with pytest.raises(
        ValueError,
        match=r"--n-clusters ten: .* takes int from 1 or \(int from 1, …\) or 'auto'; .* it is 10",
    ):
        arguments(VaDE, {"n_clusters": "ten"}, [])
    with pytest.raises(ValueError, match=r"--n-clusters 2;2: .*; by default it is \(25, 25\)"):
        arguments(MFCVAE, {"n_clusters": "2;2"}, [])
    with pytest.raises(TypeError, match=r"--max-epochs 2\.5: .* takes int from 0 or Budget"):
        arguments(VaDE, {"training__max_epochs": "2.5"}, [])


def test_whole_numbers_are_real_numbers() -> None:
    given = {"training__learning_rate": 1}
    assert arguments(VaDE, {}, ["training.learning_rate=1"]) == given


def test_a_budget_can_stand_for_epochs() -> None:
    given = arguments(VaDE, {}, ["training.max_epochs=Budget(100)"])
    assert given == {"training__max_epochs": Budget(100)}


def test_an_argument_of_a_part_is_known_to_it_alone() -> None:
    assert arguments(GMVAE, {}, ["prior.style-dim=3"]) == {"prior__style_dim": 3}
    with pytest.raises(
        TypeError, match=r"'style_dim' is no argument of GaussianMixture: .*it takes"
    ):
        arguments(VaDE, {}, ["prior.style-dim=3"])
    with pytest.raises(ValueError, match=r"pretraining is None, .* no argument 'epochs': set"):
        arguments(MFCVAE, {}, ["pretraining.epochs=3"])


@pytest.mark.parametrize("turned", [False, True])
def test_a_part_is_put_before_its_arguments(turned: bool) -> None:
    """Whatever the order on the command line, and so they reach the estimator too."""
    settings = ["prior.style_dim=3", "prior=style-mixture"]
    given = arguments(VaDE, {}, settings[::-1] if turned else settings)
    vade = VaDE().set_params(**given)
    assert isinstance(vade.prior, partial)
    assert (vade.prior.func, vade.prior.keywords) == (StyleMixture, {"style_dim": 3})


@pytest.mark.parametrize(
    ("kind", "setting", "hint"),
    [
        (VaDE, "hidden_dims=128", "networks.hidden_dims"),
        (VaDE, "hidden_dim=128", "networks.hidden_dims"),
        (VaDE, "hidden.dims=128", "networks.hidden_dims"),
        (VaDE, "batch_norm=True", "networks.batch_norm"),
        (VaDE, "n_cluster=3", "n_clusters"),
        (VaDE, "max_epochs=3", "--max-epochs"),
        (VaDE, "batch_size=3", "--batch-size"),
        (VaDE, "learning_rate=3", "start.learning_rate or --learning-rate"),
        (VaDE, "patience=3", "training.patience"),
        (DHVC, "pretrain_epochs=3", "pretraining.epochs"),
        (VaDE, "covariance=full", "prior.covariance"),
        (VaDE, "log_scale=-2", "posterior.log_scale"),
        (VaDE, "kl_weight=2", "objective.kl_weight"),
        (VaDE, "affiliation=1", "terms=[Affiliation()]"),
        (VaDE, "information_floor=1", "terms=[InformationFloor()]"),
        (GMVAE, "style_dim=3", "prior.style_dim"),
        (DHVC, "n_heads=3", "pretraining.n_heads"),
    ],
)
def test_an_unknown_name_tells_what_would_do(kind: type[VaDE], setting: str, hint: str) -> None:
    name = setting.partition("=")[0]
    with pytest.raises(ValueError, match=f"{kind.__name__} has no '{name}'") as caught:
        arguments(kind, {}, [setting])
    assert f"did you mean {hint}? it has assignment, columns, device" in str(caught.value)


def test_a_name_like_none_is_told_all_there_are() -> None:
    with pytest.raises(ValueError, match=r"VaDE has no 'nonsense': it has assignment, .* a dot "):
        arguments(VaDE, {}, ["nonsense=3"])


def test_a_name_is_given_once() -> None:
    assert arguments(VaDE, {"n_clusters": None}, ["n_clusters=3"]) == {"n_clusters": 3}
    with pytest.raises(ValueError, match="n_clusters is given twice"):
        arguments(VaDE, {"n_clusters": "3"}, ["n_clusters=3"])
    with pytest.raises(ValueError, match=r"training\.max_epochs is given twice"):
        arguments(VaDE, {"training__max_epochs": 3}, ["training.max_epochs=3"])
    with pytest.raises(ValueError, match="use --seed"):
        arguments(VaDE, {"random_state": None}, ["random_state=3"])
    assert arguments(VaDE, {}, ["training.max_epochs=3"]) == {"training__max_epochs": 3}
    with pytest.raises(ValueError, match="no '='"):
        arguments(VaDE, {}, ["n_clusters"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("start=GroupsOf()", "missing .* 'clusterer'"),
        ("terms=[Affiliation(1, 2, 3)]", "Affiliation: too many positional arguments"),
        ("objective=ClosedFormELBO(terms=[Affiliation()])", "give terms to the estimator itself"),
        ("start=KMeansStart(covariance='full')", "'covariance' is no argument of KMeansStart"),
        ("terms=[InformationFlor(1.0)]", "did you mean 'InformationFloor'"),
        ("terms=Affiliation()", r"give a list, such as \[Affiliation\(\)\]"),
        (
            "prior=GaussianMixture(3, 2)",
            "takes its sizes in the fit: give its arguments by keyword",
        ),
        ("prior=__import__('os')", "the part is '__import__': use one of"),
        ("prior=gausian", "prior is 'gausian': did you mean 'gaussian-mixture'"),
        ("networks=perceptro", "networks is 'perceptro': did you mean 'perceptron'"),
        ("start=gmmm", "start is 'gmmm': did you mean 'gmm'"),
        ("objective=enumerate", "did you mean 'enumerated'"),
    ],
)
def test_parts_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        arguments(VaDE, {}, [setting])
    assert str(caught.value).startswith(f"--set {setting}: ")


def test_options_are_called_as_they_are_typed() -> None:
    names: dict[str, Any] = {
        "training__max_epochs": "--max-epochs",
        "random_state": "--seed",
        "label_column": "--label-column",
        "n_clusters": "--n-clusters",
    }
    assert {name: as_typed(name) for name in names} == names
