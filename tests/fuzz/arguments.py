"""Odd arguments of every estimator: refused by name before any work, or a fit that is right."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from pyromix.estimators import ESTIMATORS, DeepMixture
from pyromix.inference import Autoencoder, KMeansStart, Neighbours, TwoView
from pyromix.networks import Perceptron, PerceptronLadder

from . import odd
from .judging import SilentChange, World, rows_in

X = np.random.RandomState(0).rand(24, 4)
LONG = ("epochs", "steps", "n_init", "n_heads", "overclusters", "patience", "order")
COSTLY = ("num_particles", "n_neighbours", "devices")
ANSWERS = ("predict", "predict_proba", "transform", "reconstruct", "score_samples")


def small(name: str) -> DeepMixture:
    """An estimator that is fitted in hundredths of a second."""
    several = name == "mfcvae"
    made = ESTIMATORS[name](random_state=0, device="cpu")
    made.set_params(
        n_clusters=(3, 2) if several else 3,
        latent_dim=2,
        networks=PerceptronLadder((8, 8)) if several else Perceptron(8, batch_norm=True),
        training__max_epochs=1,
        training__batch_size=16,
    )
    if isinstance(made.pretraining, TwoView | Neighbours | Autoencoder):
        made.set_params(pretraining__epochs=1)
    elif name != "mfcvae":
        made.set_params(start=KMeansStart(on="data"))
    return made


def odd_arguments(world: World, draw: Any) -> None:
    """One or two arguments, of the estimator or of its parts, are odd."""
    made = small(draw(st.sampled_from(sorted(ESTIMATORS))))
    known = sorted(made.get_params(deep=True))
    names = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
    for name in names:
        quick = any(word in name for word in LONG)
        huge = [] if quick else [st.sampled_from(odd.HUGE)]
        value = draw(st.one_of(odd.values, *huge))
        if name.endswith(COSTLY) and value == 2 and not isinstance(value, bool):
            value = 10**6
        if name == "random_state" and value is None:
            value = 1  # else NumPy's own generator is moved, as it should be
        made.set_params(**{name: value})
    before = {name: (id(value), repr(value)) for name, value in made.get_params(deep=False).items()}
    made.fit(X)
    after = {name: (id(value), repr(value)) for name, value in made.get_params(deep=False).items()}
    if before != after:
        raise SilentChange(f"{names}: the fit has changed its arguments")
    check_fit(made, X)


def check_fit(made: DeepMixture, X: Any) -> None:
    """What is fitted has finite weights, and answers of the right shapes that are numbers."""
    for module in (made.model_, made.guide_):
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise SilentChange(f"{name} is no number")
    sizes, n = made.clusterings(), rows_in(X)
    for method in ANSWERS:
        answer = getattr(made, method)(X)
        for each in answer if isinstance(answer, list) else [answer]:
            if len(each) != n or not np.isfinite(each).all():
                raise SilentChange(f"{method} gives {np.shape(each)} with what is no number")
    labels = np.asarray(made.labels_).reshape(n, -1)
    if labels.shape[1] != len(sizes) or not (labels.min(0) >= 0).all():
        raise SilentChange(f"labels_ has shape {labels.shape} for {sizes}")
    if not (labels.max(0) < np.asarray(sizes)).all():
        raise SilentChange(f"labels_ goes up to {labels.max(0)} of {sizes}")
    if not (made.predict(X) == made.labels_).all():
        raise SilentChange("predict(X) is not labels_")
