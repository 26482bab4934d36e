"""A fit goes on with its own checkpoint alone, keeps what Ctrl-C leaves, and can start warm."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from pyromix import VaDE
from pyromix.inference import (
    Affiliation,
    Autoencoder,
    Checkpoint,
    ClosedFormELBO,
    GaussianMixtureStart,
    LinearWarmup,
    OverTraining,
    Training,
    TrainingInterrupted,
    locked,
)
from pyromix.inference.training.loop import Means
from pyromix.models import Normal, StudentMixture
from pyromix.networks import Perceptron

pytestmark = pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")

X = np.random.RandomState(0).rand(60, 4).astype(np.float32)
PLAIN = Training(max_epochs=3, batch_size=16, learning_rate=1e-2, learning_rate_decay=None)


def vade(**changes: Any) -> VaDE:
    arguments: dict[str, Any] = {
        "n_clusters": 3,
        "latent_dim": 2,
        "networks": Perceptron((8,)),
        "pretraining": Autoencoder(epochs=1),
        "start": GaussianMixtureStart(),
        "training": PLAIN,
        "random_state": 0,
    }
    return VaDE(**{**arguments, **changes})


def weights(fitted: VaDE) -> list[bytes]:
    tensors = [*fitted.model_.state_dict().values(), *fitted.guide_.state_dict().values()]
    return [tensor.numpy().tobytes() for tensor in tensors if isinstance(tensor, torch.Tensor)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    path = tmp_path_factory.mktemp("kept") / "checkpoint.pt"
    return path, weights(vade().fit(X, checkpoint=path))


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"n_clusters": 4}, "n_clusters=3, not 4"),
    ({"latent_dim": 3}, "latent_dim=2, not 3"),
    ({"prior": StudentMixture}, "prior=GaussianMixture, not StudentMixture"),
    ({"likelihood": Normal}, "likelihood=auto, not Normal"),
    ({"likelihood": partial(Normal, scale=0.3)}, "likelihood=auto, not Normal"),
    ({"networks": Perceptron((9,))}, r"networks__hidden_dims=\[8\], not \[9\]"),
    ({"assignment": "optimal"}, "assignment=.*, not optimal"),
    ({"objective": partial(ClosedFormELBO, num_particles=2)}, "objective__num_particles=None, no"),
    ({"terms": [Affiliation(2.0)]}, "terms="),
    ({"pretraining": None}, "pretraining=Autoencoder, not None"),
    ({"pretraining": Autoencoder(epochs=2)}, "pretraining__epochs=1, not 2"),
    ({"start": None}, "start="),
    ({"training": PLAIN.with_params(learning_rate=2e-2)}, "training__learning_rate=0.01, not 0.02"),
    ({"training": PLAIN.with_params(batch_size=17)}, "training__batch_size=16, not 17"),
    ({"training": PLAIN.with_params(patience=2)}, "rows held out=0, not 6"),
    ({"training": PLAIN.with_params(max_epochs=4)}, "'train' has 3 epochs there and is finished"),
    ({"training": PLAIN.with_params(max_epochs=2)}, "'train' has 3 epochs there and is finished"),
    ({"random_state": 1}, "seed="),
    ({"n_init": 2}, "n_init=1, not 2"),
    ({"precision": "64-true"}, "precision=32-true, not 64-true"),
    ({"devices": 2}, "devices=1, not 2"),
]


@pytest.mark.parametrize(("changes", "said"), CHANGES, ids=lambda each: str(each)[:40])
def test_a_checkpoint_of_other_arguments_is_refused(
    finished: tuple[Path, list[bytes]], changes: dict[str, Any], said: str
) -> None:
    path, _ = finished
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"checkpoint\.pt.* {said}") as error:
        vade(**changes).fit(X, checkpoint=path)
    assert "\n" not in str(error.value)
    assert "another file, or delete this one" in str(error.value)
    assert path.read_bytes() == before


def test_a_checkpoint_of_other_data_is_refused(finished: tuple[Path, list[bytes]]) -> None:
    path, _ = finished
    changed = X.copy()
    changed[17, 2] += 1e-6
    for other in (changed, X[::-1], X[:-1], X.astype(np.float64)[:, ::-1]):
        with pytest.raises(ValueError, match="was begun with X="):
            vade().fit(other, checkpoint=path)


def test_the_same_data_and_arguments_give_the_same_weights(
    finished: tuple[Path, list[bytes]],
) -> None:
    """What decides nothing may change: how much is shown, where it runs, the kind of the array."""
    path, expected = finished
    same = vade(verbose=True, device="cpu", networks=Perceptron(hidden_dims=[8]))  # type: ignore[arg-type]
    assert weights(same.fit(X.tolist(), checkpoint=path)) == expected


def test_folds_do_not_share_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was begun with X="):
        cross_val_score(
            vade(), X, cv=2, error_score="raise", params={"checkpoint": tmp_path / "checkpoint.pt"}
        )


def test_a_checkpoint_that_does_not_say_whose_it_is_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "checkpoint.pt").phase_done("pretrain")
    with pytest.raises(ValueError, match="does not say what it was begun with"):
        vade().fit(X, checkpoint=tmp_path / "checkpoint.pt")


@pytest.mark.parametrize(
    "changes",
    [
        {"training": PLAIN.with_params(learning_rate_decay="cosine")},
        {"terms": [Affiliation(OverTraining(LinearWarmup(0.0, 1.0, steps=0.5)))]},
    ],
    ids=["cosine", "schedule"],
)
def test_the_length_of_training_is_free_only_where_nothing_depends_on_it(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    vade(**changes).fit(X, checkpoint=tmp_path / "checkpoint.pt")
    longer = vade(**changes).set_params(training__max_epochs=4)
    with pytest.raises(ValueError, match="training__max_epochs=3, not 4"):
        longer.fit(X, checkpoint=tmp_path / "checkpoint.pt")


def test_a_checkpoint_in_use_is_refused(tmp_path: Path) -> None:
    path, refused = tmp_path / "checkpoint.pt", []

    def second() -> None:
        try:
            vade().fit(X, checkpoint=path)
        except BlockingIOError as error:
            refused.append(str(error))

    with locked(path):
        other = Thread(target=second)
        other.start()
        other.join()
    assert len(refused) == 1
    assert "in use by another fit" in refused[0]
    assert not path.exists()


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ctrl-C in the first batch after so many."""

    def stopping(batches: int) -> None:
        seen, add = [0], Means.add

        def counted(*arguments: Any) -> None:
            seen[0] += 1
            if seen[0] > batches:
                raise KeyboardInterrupt
            add(*arguments)

        monkeypatch.setattr(Means, "add", counted)

    return stopping


BATCHES = 4  # of an epoch


def test_ctrl_c_leaves_the_last_whole_epoch(stop_after: Any) -> None:
    """One of pretraining, two whole ones of training; the third is stopped on its way."""
    expected = vade().set_params(training__max_epochs=2).fit(X)
    stopped = vade()
    stop_after(3 * BATCHES + 2)
    with pytest.raises(TrainingInterrupted, match=r"of epoch 2; the estimator is fitted") as error:
        stopped.fit(X)
    assert isinstance(error.value, KeyboardInterrupt)
    assert weights(stopped) == weights(expected)
    assert (stopped.labels_ == expected.labels_).all()
    assert (stopped.predict_proba(X) == expected.predict_proba(X)).all()
    assert [(row["phase"], row["epoch"]) for row in stopped.history_] == [
        (row["phase"], row["epoch"]) for row in expected.history_
    ]
    assert not any(module.training for module in stopped.model_.modules())


@pytest.mark.parametrize("batches", [2, BATCHES + 2])
def test_ctrl_c_before_the_first_epoch_of_training_leaves_nothing(
    stop_after: Any, batches: int
) -> None:
    stopped = vade()
    stop_after(batches)
    with pytest.raises(TrainingInterrupted, match=r"the weights are those of epoch 0$"):
        stopped.fit(X)
    assert not hasattr(stopped, "model_")


def test_ctrl_c_in_a_later_restart_leaves_the_best_of_those_before(stop_after: Any) -> None:
    first = vade(n_init=2, pretraining=None, random_state=3)
    stop_after(10)
    with pytest.raises(TrainingInterrupted, match=r"of 'train 2'.*the estimator is fitted"):
        first.fit(X)
    assert {row["phase"] for row in first.history_} == {"initialise 1", "train 1", "initialise 2"}
    assert np.isfinite(first.score(X))


def test_with_a_checkpoint_it_is_resumed_and_not_fitted(stop_after: Any, tmp_path: Path) -> None:
    stopped = vade()
    stop_after(3 * BATCHES + 2)
    with pytest.raises(TrainingInterrupted, match=r"checkpoint\.pt holds what to resume$"):
        stopped.fit(X, checkpoint=tmp_path / "checkpoint.pt")
    assert not hasattr(stopped, "model_")


def test_a_warm_start_goes_on_from_the_weights_there_are() -> None:
    """With a rate of next to nothing it stays where it is; without one it starts from scratch."""
    fitted = vade(warm_start=True).fit(X)
    cold = weights(fitted)
    assert weights(clone(fitted).fit(X)) == cold
    fitted.set_params(training__learning_rate=1e-30).fit(X)
    assert weights(fitted) == cold
    assert {row["phase"] for row in fitted.history_} == {"train"}
    fitted.set_params(training__learning_rate=1e-2, training__max_epochs=1).fit(X)
    assert weights(fitted) != cold
    fitted.set_params(warm_start=False, training=PLAIN).fit(X)
    assert weights(fitted) == cold


def test_a_warm_start_ends_below_where_it_began() -> None:
    fitted = vade(warm_start=True).fit(X)
    before = fitted.history_[-1]["loss"]
    fitted.set_params(training__max_epochs=20).fit(X)
    assert fitted.history_[-1]["loss"] < before


@pytest.mark.parametrize(
    ("changes", "data"), [({"n_clusters": 4}, X), ({"latent_dim": 3}, X), ({}, X[:, :3])]
)
def test_a_warm_start_of_another_model_is_refused(changes: dict[str, Any], data: Any) -> None:
    fitted = vade(warm_start=True).fit(X)
    with pytest.raises(ValueError, match="warm_start is True, and the model that is fitted has"):
        fitted.set_params(**changes).fit(data)


def test_a_warm_start_keeps_the_likelihood(tmp_path: Path) -> None:
    """Data that go beyond [0, 1] would otherwise change it, and are refused for a Bernoulli."""
    fitted = vade(warm_start=True).fit(X)
    with pytest.raises(ValueError, match="Bernoulli"):
        fitted.fit(3 * X)


def test_a_checkpoint_knows_where_a_warm_start_began(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    vade(warm_start=True).fit(X, checkpoint=path)
    fitted = vade(warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"was begun with pretraining|warm_start=None, not "):
        fitted.fit(X, checkpoint=path)


def test_a_warm_start_keeps_the_number_of_clusters_that_was_found() -> None:
    groups = np.repeat(np.eye(4, dtype=np.float32)[:3], 20, 0)
    fitted = vade(warm_start=True, n_clusters="auto").fit(groups + 0.01 * X)
    found = fitted.n_clusters_
    assert found == 3
    fitted.set_params(training__learning_rate=1e-30).fit(groups + 0.01 * X)
    assert fitted.n_clusters_ == found
    assert {row["phase"] for row in fitted.history_} == {"train"}
