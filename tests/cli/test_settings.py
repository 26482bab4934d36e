"""Arguments reach the estimator by name and type, or are refused with a remedy."""

from __future__ import annotations

import pytest

from pyromix.cli.settings import arguments, checked, literal
from pyromix.estimators import ESTIMATORS, GMVAE, VaDE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("(16,)", (16,)),
        ("[500, 500]", (500, 500)),
        ("500,500", (500, 500)),
        ("None", None),
        ("True", True),
        ("full", "full"),
        ("'full'", "full"),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_a_literal_or_a_word(text: str, value: object) -> None:
    assert literal(text) == value
    assert type(literal(text)) is type(value)


@pytest.mark.parametrize("kind", ESTIMATORS.values())
def test_every_default_passes_its_own_check(kind: type[VaDE]) -> None:
    for name, default in kind().get_params().items():
        assert checked(kind, name, default, "") is default


@pytest.mark.parametrize(
    "setting",
    ["n_clusters=ten", "hidden_dims=500", "hidden_dims=(1.5,)", "batch_norm=1", "latent_dim=True"],
)
def test_a_value_of_another_type_is_refused(setting: str) -> None:
    name = setting.partition("=")[0]
    with pytest.raises(TypeError, match=rf"--set {name}.* is of the wrong type: VaDE takes "):
        arguments(VaDE, {}, [setting])


def test_an_option_is_told_as_it_was_given() -> None:
    assert arguments(VaDE, {"n_clusters": "3", "device": "cpu"}, []) == {
        "n_clusters": 3,
        "device": "cpu",
    }
    with pytest.raises(TypeError, match=r"--n-clusters 25,25 is of .*: VaDE takes int, such as 10"):
        arguments(VaDE, {"n_clusters": "25,25"}, [])
    with pytest.raises(TypeError, match="--n-clusters ten is of the wrong type"):
        arguments(VaDE, {"n_clusters": "ten"}, [])


def test_whole_numbers_are_real_numbers() -> None:
    assert arguments(VaDE, {}, ["learning_rate=1"]) == {"learning_rate": 1}


def test_an_argument_of_a_subclass_is_known_to_it_alone() -> None:
    assert arguments(GMVAE, {}, ["style-dim=3"]) == {"style_dim": 3}
    with pytest.raises(ValueError, match="style_dim is no argument of VaDE"):
        arguments(VaDE, {}, ["style-dim=3"])


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'hidden_dims'"):
        arguments(VaDE, {}, ["hidden_dim=(16,)"])


def test_a_name_is_given_once() -> None:
    assert arguments(VaDE, {"n_clusters": None}, ["n_clusters=3"]) == {"n_clusters": 3}
    with pytest.raises(ValueError, match="n_clusters is given twice"):
        arguments(VaDE, {"n_clusters": "3"}, ["n_clusters=3"])
    with pytest.raises(ValueError, match="use --seed"):
        arguments(VaDE, {"random_state": None}, ["random_state=3"])
    assert arguments(VaDE, {}, ["training.max_epochs=3"]) == {"training__max_epochs": 3}
    with pytest.raises(ValueError, match="no '='"):
        arguments(VaDE, {}, ["n_clusters"])
