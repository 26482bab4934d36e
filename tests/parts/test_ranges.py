"""Every argument of every part refuses what it cannot be, at once and by its name.

What must be refused is told here by the arguments' names, not by the types that refuse it.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import pytest
import torch

from pyromix import VaDE
from pyromix.inference import (
    GaussianMixtureStart,
    Trainer,
    Training,
    responsibilities,
    sample,
    to_arviz,
)
from pyromix.inference.objectives import Constant
from pyromix.models import GaussianMixture
from pyromix.networks import Perceptron
from pyromix.parts import check_types
from pyromix.parts.checking import hints_of
from pyromix.parts.registry import _classes

ZOO: dict[str, Callable[..., Any]] = {
    name: part for name, part in _classes.items() if part.__module__.startswith("pyromix.")
}
MAY_BE_NEGATIVE = {"value", "start", "end", "weight", "kl_weight", "log_scale", "knots", "loc"}
MAY_BE_ZERO = {
    *MAY_BE_NEGATIVE, "random_state", "epochs", "max_epochs", "overclusters", "fade_steps", "order",
    "join_epochs", "facets", "balance", "floor", "noise", "min_dist", "rotation", "shear", "shift",
    "dropout", "steps", "scale", "label_weight", "trust",
}  # fmt: skip
SKIPPED = {"event_shape"}  # a fit gives it


def kinds(hint: Any) -> set[Any]:
    """The types of numbers and the containers in a hint."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return kinds(inner[0])
    if origin is None or origin is typing.Literal:
        return {hint} & {int, float, bool}
    return {origin, *(kind for each in inner for kind in kinds(each) if each is not ...)}


def numeric() -> Iterator[tuple[str, str, Any]]:
    """Each part's arguments that take numbers, with their kinds."""
    for name, part in ZOO.items():
        hints = hints_of(part)
        for argument in inspect.signature(part).parameters.keys() & hints.keys():
            found = kinds(hints[argument])
            if found & {int, float} and argument not in SKIPPED:
                yield name, argument, found


CASES = sorted(numeric(), key=lambda case: case[:2])


def refused(name: str, argument: str, value: Any, *errors: type[Exception]) -> None:
    with pytest.raises(errors, match=rf"^{argument} is .*takes ") as caught:
        check_types(ZOO[name], {argument: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "argument", "found"), CASES)
def test_numbers_out_of_range_and_of_other_types(name: str, argument: str, found: Any) -> None:
    for nothing in (float("nan"), float("inf"), -float("inf")):
        refused(name, argument, nothing, TypeError, ValueError)
    for other in (object(), b"3", 1j, [[]], np.zeros(2)):
        refused(name, argument, other, TypeError)
    if argument not in MAY_BE_NEGATIVE:
        refused(name, argument, -1, TypeError, ValueError)
        refused(name, argument, (-1,), TypeError, ValueError)
    if argument not in MAY_BE_ZERO or (argument == "steps" and int in found):
        refused(name, argument, 0, TypeError, ValueError)
    if float not in found:
        refused(name, argument, 2.5, TypeError)
    refused(name, argument, True, TypeError)


def flags() -> Iterator[tuple[str, str]]:
    for name, part in ZOO.items():
        for argument in inspect.signature(part).parameters:
            if hints_of(part).get(argument) is bool:
                yield name, argument


@pytest.mark.parametrize(("name", "argument"), sorted(flags()))
def test_flags_are_true_or_false(name: str, argument: str) -> None:
    for other in ("no", 0, 1, None, np.ones(1)):
        refused(name, argument, other, TypeError)


@pytest.mark.parametrize("name", [each for each in ZOO if ZOO[each].kind != "estimator"])  # type: ignore[attr-defined]
def test_parts_check_their_arguments_when_they_are_made(name: str) -> None:
    """Not only where they are given to an estimator."""
    for argument, hint in hints_of(ZOO[name]).items():
        each = inspect.signature(ZOO[name]).parameters.get(argument)
        if each is None or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or hint is Any:
            continue
        wanted = inspect.signature(ZOO[name]).parameters.values()
        others = {n.name: None for n in wanted if n.default is n.empty and n.name != argument}
        with pytest.raises((TypeError, ValueError), match=r" is .*takes "):
            ZOO[name](**others, **{argument: object()})


X = np.random.RandomState(0).rand(30, 4).astype(np.float32)
SMALL: dict[str, Any] = {
    "n_clusters": 2,
    "latent_dim": 2,
    "networks": Perceptron(4),
    "pretraining": None,
    "start": GaussianMixtureStart(),
    "training": Training(max_epochs=1),
    "random_state": 0,
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("n_clusters", value) for value in (0, -1, "3", 2.0, (2, 0), True, None)),
        *(("latent_dim", value) for value in (0, (2, 0), "2", 1.5)),
        *(("n_init", value) for value in (0, 1.0)),
        *(("devices", value) for value in (0, -1, "2")),
        *(("random_state", value) for value in (-1, 2**32, 0.5, "seed")),
        *(("device", value) for value in (0, None)),
        *(("verbose", value) for value in (1, "no")),
        *(("warm_start", value) for value in (1, "no")),
        ("precision", "16-true"),
    ],
)
def test_an_estimator_checks_before_any_work(argument: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=argument):
        VaDE(**{**SMALL, argument: value}).fit(X)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": -1}, {"max_epochs": 1.0}, {"batch_size": 2.5}, {"batch_size": 0},
        {"learning_rate": float("inf")}, {"gradient_clip": -1.0}, {"patience": 0},
        {"learning_rate_decay": (0.9, 0)}, {"min_delta": -1.0}, {"verbose": "yes"},
    ],
)  # fmt: skip
def test_a_trainer_checks_its_settings(settings: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{next(iter(settings))} is "):
        Trainer(**{"max_epochs": 1, **settings})


@pytest.fixture(scope="module")
def fitted() -> VaDE:
    return VaDE(**{**SMALL, "device": torch.device("cpu")}).fit(X)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        *(("sample", {"n_samples": n}) for n in (0, -1, 2.5, "3", True)),
        *(("posterior_predictive", {"X": X, "n": n}) for n in (0, 2.5)),
        *(("to_arviz", {"X": X, "n": n}) for n in (0, 2.5, None)),
        *(("score_samples", {"X": X, "num_samples": n}) for n in (0, -1, 2.5)),
        *(("predict_proba", {"X": X, "num_samples": n}) for n in (-1, 2.5, "all")),
        *(("sample", {"cluster": c}) for c in (-1, 0.5, "0")),
        *(("sample", {"mean": m}) for m in (1, "yes")),
        *(("sample", {"seed": s}) for s in (0.5, None)),
        ("transform", {"X": X, "site": 3}),
    ],
)
def test_answers_check_their_arguments(
    fitted: VaDE, method: str, arguments: dict[str, Any]
) -> None:
    wrong = list(arguments)[-1]
    with pytest.raises((TypeError, ValueError), match=rf"^{wrong} is "):
        getattr(fitted, method)(**arguments)


def test_functions_check_theirs(fitted: VaDE) -> None:
    x = torch.as_tensor(X)
    with pytest.raises(ValueError, match="n is 0: sample takes int from 1"):
        sample(fitted.model_, 0)
    with pytest.raises(ValueError, match="batch_size is 0: responsibilities takes int from 1"):
        responsibilities(fitted.model_, fitted.guide_, x, batch_size=0)
    with pytest.raises(TypeError, match=r"n is 2\.5: to_arviz takes int from 1"):
        to_arviz(fitted.model_, fitted.guide_, x, n=2.5)  # type: ignore[arg-type]


def test_a_device_may_be_torchs_own(fitted: VaDE, tmp_path: Any) -> None:
    fitted.save(tmp_path / "run")
    assert VaDE.load(tmp_path / "run").device == "cpu"


def test_masked_values_are_refused(fitted: VaDE) -> None:
    masked = np.ma.masked_greater(X, 0.9)
    for method in ("fit", "predict", "transform", "score_samples"):
        with pytest.raises(ValueError, match=r"X is a masked array with \d+ masked values"):
            getattr(fitted, method)(masked)
    whole = np.ma.masked_greater(X, 2.0)
    assert (fitted.predict(whole) == fitted.predict(X)).all()


def test_one_row_is_no_batch_to_normalise_over() -> None:
    one = {"training": Training(max_epochs=1, batch_size=1)}
    with pytest.raises(ValueError, match="batch_size is 1, and the networks normalise"):
        VaDE(**{**SMALL, **one, "networks": Perceptron(4, batch_norm=True)}).fit(X)
    VaDE(**{**SMALL, **one, "start": None}).fit(X)


def test_a_part_says_which_of_its_own_arguments_is_wrong() -> None:
    with pytest.raises(ValueError, match="latent_dim is 0: GaussianMixture takes int from 1"):
        GaussianMixture(3, 0)
    with pytest.raises(ValueError, match="value is nan: Constant takes finite numbers"):
        Constant(float("nan"))
