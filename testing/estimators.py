"""The contract of an estimator."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator as sklearn_check

from ..estimators import DeepMixture, load
from ..inference import Checkpoint
from .laws import clean_scope, require

CLASSES = 4  # of the labels that scikit-learn's checks give where there may be more than two


def check_estimator(
    estimator: DeepMixture,
    X: ArrayLike | None = None,
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
) -> None:
    """Try every law that an estimator obeys.

    scikit-learn's own checks pass, with K = 4, since they ask for the probabilities of the four
    classes of their labels; a clone has the same arguments; fitted twice with one seed it
    gives the same bits; saved and loaded it answers the same to the last bit; and interrupted and
    resumed from its checkpoint it ends with the bits of a fit that was left alone.

    Args:
        estimator: the estimator, with small networks and few epochs, since it is fitted some fifty
            times, and with a ``random_state``.
        X: data that all but scikit-learn's checks fit; by default a table within [0, 1].
        expected_failed_checks: reasons by the names of scikit-learn's checks that cannot pass, such
            as those that want one clustering of an estimator with several.

    Raises:
        AssertionError: says which law is broken.

    Example:
        >>> from pyromix import VaDE
        >>> from pyromix.inference import Training
        >>> from pyromix.networks import Perceptron
        >>> vade = VaDE(n_clusters=2, latent_dim=2, networks=Perceptron(4), start="k-means",
        ...             training=Training(max_epochs=2), random_state=0)
        >>> check_estimator(vade)
    """
    data = np.random.default_rng(0).random((60, 4)) if X is None else np.asarray(X)
    with clean_scope(), warnings.catch_warnings():
        # Fits this short leave clusters empty, which is what people are warned of.
        warnings.simplefilter("ignore")
        _passes(estimator, expected_failed_checks)
        _clones(estimator)
        whole = clone(estimator).fit(data)
        again = clone(estimator).fit(data)
        require_same_answers("it is fitted twice with one seed", whole, again, data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            whole.save(path / "run")
            loaded = load(path / "run", estimator=type(whole))
            require_same_answers("it is saved and loaded", whole, loaded, data)
            _resumes(estimator, whole, data, path / "checkpoint.pt")


def require_same_answers(when: str, one: Any, other: Any, X: Any) -> None:
    """Refuse two fitted estimators that do not answer with the same bits.

    Raises:
        AssertionError: names the method and the largest difference.
    """
    for method in ("predict", "predict_proba", "transform"):
        pairs = [getattr(each, method)(X) for each in (one, other)]
        if not isinstance(pairs[0], list):
            pairs = [[each] for each in pairs]
        for first, second in zip(*pairs, strict=True):
            require(
                np.array_equal(first, second),
                f"{one!r} breaks a law: when {when}, {method} gives the same bits. They are up to "
                f"{np.abs(np.asarray(first) - np.asarray(second)).max():.3g} apart",
            )


def _passes(estimator: Any, expected: Mapping[str, str] | None) -> None:
    several = isinstance(estimator.n_clusters, tuple)
    results = sklearn_check(
        clone(estimator).set_params(**({} if several else {"n_clusters": CLASSES})),
        expected_failed_checks=dict(expected or {}),
        on_skip=None,
        on_fail=None,
    )
    failed = {
        each["check_name"]: each["exception"] for each in results if each["status"] == "failed"
    }
    said = "; ".join(f"{name} says {_short(error)}" for name, error in failed.items())
    require(
        not failed,
        f"{estimator!r} breaks a law: scikit-learn's checks pass. Of {len(results)} "
        f"{len(failed)} fail: {said}",
    )


def _short(error: BaseException) -> str:
    """An exception's kind and its first line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _clones(estimator: Any) -> None:
    ours, theirs = (each.get_params(deep=False) for each in (estimator, clone(estimator)))
    changed = [name for name in ours if repr(ours[name]) != repr(theirs.get(name))]
    require(not changed, f"{estimator!r} breaks a law: a clone has its arguments, not {changed}")


@contextmanager
def _counted(stop: int = 0) -> Iterator[list[int]]:
    """A scope that counts the states offered to checkpoints, all written, and stops at one."""
    steps, progress = [0], Checkpoint.progress

    def counted(self: Checkpoint, *args: Any) -> None:
        self.every = 0.0
        progress(self, *args)
        steps[0] += 1
        if steps[0] == stop:
            raise KeyboardInterrupt

    with patch.object(Checkpoint, "progress", counted):
        yield steps


def _resumes(estimator: Any, whole: Any, X: Any, path: Path) -> None:
    with _counted() as steps:
        checkpointed = clone(estimator).fit(X, checkpoint=path)
    require_same_answers("a checkpoint is kept", whole, checkpointed, X)
    path.unlink(missing_ok=True)
    for stop in sorted({1, steps[0]} - {0}):
        try:
            with _counted(stop):
                clone(estimator).fit(X, checkpoint=path)
        except KeyboardInterrupt:
            resumed = clone(estimator).fit(X, checkpoint=path)
            require_same_answers("it is interrupted and resumed", whole, resumed, X)
            path.unlink(missing_ok=True)
        else:
            raise AssertionError(f"{estimator!r} breaks a law: an interrupt stops a fit")
