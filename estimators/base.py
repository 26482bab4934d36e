"""What every estimator shares: scikit-learn's surface over a story, a guide and a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ..guides import Guide
from ..inference import (
    Checkpoint,
    decode,
    encode,
    importance_weighted_bound,
    launch,
    posterior_predictive,
    reconstruct,
    responsibilities,
    sample,
    seeded,
    to_arviz,
)
from ..models import MixtureVAE
from .settings import Settings

Array = NDArray[np.float32]


@dataclass(kw_only=True, eq=False, repr=False)
class DeepMixture(Settings, ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the zoo's estimators; a subclass says which story it tells, by :meth:`story`.

    Args:
        **settings: those of :class:`Settings`.

    Attributes:
        labels_: cluster of each training datum, ``(N,)``.
        model_: the fitted story.
        guide_: its fitted guide.
        history_: rows with phase, epoch, loss and its named parts in nats per datum.
        n_features_in_: number of features seen in fit.
    """

    def fit(self, X: ArrayLike, y: object = None, *, checkpoint: str | Path | None = None) -> Self:
        """Fit all phases of the recipe.

        Args:
            X: data, ``(N, X)`` or images ``(N, C, H, W)``.
            y: ignored.
            checkpoint: a file to keep the state of training in; if it exists, training goes on from
                there and ends with the weights of an uninterrupted fit.

        Raises:
            ValueError: names the argument, what came and what would do.
            TrainingDiverged: the loss became infinite or NaN.
        """
        x = self._check(X, reset=True)
        if not all(1 <= n_clusters <= len(x) for n_clusters in self.clusterings()):
            raise ValueError(
                f"n_clusters is {self.n_clusters} and X has {len(x)} samples: "
                "use between 1 and the number of samples"
            )
        event_shape = tuple(x.shape[1:])
        self.likelihood_ = self._likelihood(x)
        story = partial(self.story, event_shape, self.likelihood_)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        with seeded(self.seed_, "trial"):
            story()[0].likelihood.check(x)
        train, validation = self._split(x)
        recipe = self.recipe(ceil(len(train) / max(1, self.batch_size)), event_shape)
        kept = None if checkpoint is None else Checkpoint(checkpoint)
        fit = launch(recipe.fit, self.device, self.devices, self.precision)
        model, guide, self.history_ = fit(
            story, train, seed=self.seed_, validation=validation, checkpoint=kept
        )
        self.adopt(model, guide, self.likelihood_)
        self.labels_ = self._predict(x)
        return self

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.n_init == 1 and self.patience is None:
            return x, None
        held_out = round(self.validation_fraction * len(x))
        if not 1 <= held_out < len(x) - max(self.clusterings()):
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}, which holds out {held_out} of "
                f"{len(x)} samples: n_init and patience need at least one, and more left than K"
            )
        order = torch.as_tensor(np.random.RandomState(self.seed_).permutation(len(x)))
        return x[order[held_out:]], x[order[:held_out]]

    def _likelihood(self, x: Tensor) -> str:
        if self.likelihood != "auto":
            return self.likelihood
        return "bernoulli" if bool((x >= 0).all() and (x <= 1).all()) else "normal"

    def adopt(self, model: MixtureVAE, guide: Guide, likelihood: str) -> None:
        """Take a trained story and guide as this estimator's own.

        Args:
            model: the story.
            guide: its guide.
            likelihood: the name of the story's likelihood.
        """
        self.model_, self.guide_, self.likelihood_ = model, guide, likelihood
        self.n_features_in_ = model.likelihood.event_shape[0]

    def _check(self, X: ArrayLike, *, reset: bool = False) -> Tensor:
        if not reset:
            check_is_fitted(self)
        x = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float32,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        wrong = np.argwhere(~np.isfinite(x))
        if len(wrong):
            value = "NaN" if np.isnan(x[tuple(wrong[0])]) else "inf"
            place = ", ".join(str(index) for index in wrong[0])
            raise ValueError(f"X holds {value} at [{place}]: impute or drop such rows first")
        if not reset and x.shape[1:] != self.model_.likelihood.event_shape:
            raise ValueError(
                f"X has data of shape {x.shape[1:]}, and {type(self).__name__} was fitted on "
                f"{self.model_.likelihood.event_shape}"
            )
        dtype = torch.float64 if self.precision == "64-true" else torch.float32
        return torch.from_numpy(np.ascontiguousarray(x)).to(dtype)

    def _given(self, X: ArrayLike) -> tuple[MixtureVAE, Guide, Tensor]:
        x = self._check(X)
        return self.model_, self.guide_, x

    def _predict(self, x: Tensor) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = self._probabilities(x).argmax(-1)
        return labels

    def _probabilities(self, x: Tensor) -> Array:
        gamma: Array = responsibilities(self.model_, self.guide_, x)["c"].numpy()
        return gamma

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """The likeliest cluster of each datum, ``(N,)``."""
        return self._predict(self._check(X))

    def predict_proba(self, X: ArrayLike) -> Array:
        """q(c | x), ``(N, K)``, rows summing to one; never from one sample of z."""
        return self._probabilities(self._check(X))

    def transform(self, X: ArrayLike) -> Array:
        """The posterior mean of z, ``(N, D)``."""
        codes: Array = encode(*self._given(X))["z"].numpy()
        return codes

    def inverse_transform(self, Z: ArrayLike) -> Array:
        """E[x | z]: ``(N, D)`` to ``(N, *event)``."""
        check_is_fitted(self)
        z = torch.as_tensor(np.asarray(Z))
        if z.dim() != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"Z has shape {tuple(z.shape)}: use (N, {self.latent_dim})")
        return decode(self.model_, {"z": z}).numpy()

    def reconstruct(self, X: ArrayLike) -> Array:
        """E[x' | z] at the posterior mean of z, ``(N, *event)``."""
        return reconstruct(*self._given(X)).numpy()

    def sample(
        self, n_samples: int = 1, *, cluster: int | None = None, mean: bool = False, seed: int = 0
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw data and the cluster of each from the story.

        Args:
            n_samples: how many.
            cluster: the cluster to draw from; by default clusters are drawn from p(c).
            mean: give E[x | z] in place of a draw of x; for pictures.
            seed: same seed, same data.

        Returns:
            ``(n_samples, *event)`` and ``(n_samples,)``.
        """
        check_is_fitted(self)
        x, clusters = sample(self.model_, n_samples, cluster=cluster, mean=mean, seed=seed)
        return x.numpy(), clusters["c"].numpy()

    def posterior_predictive(self, X: ArrayLike, n: int = 1, *, seed: int = 0) -> Array:
        """Replicates of each datum, z from q(z | x), x' from p(x' | z): ``(n, N, *event)``."""
        return posterior_predictive(*self._given(X), n, seed=seed).numpy()

    def to_arviz(self, X: ArrayLike, *, n: int = 100, seed: int = 0) -> Any:
        """Posterior, posterior predictive, observed data and log-likelihood of X for ArviZ."""
        return to_arviz(*self._given(X), n=n, seed=seed)

    def score_samples(self, X: ArrayLike, *, num_samples: int = 100) -> Array:
        """A lower bound on log p(x) of each datum in nats, ``(N,)``: importance-weighted."""
        bound: Array = importance_weighted_bound(*self._given(X), num_samples=num_samples).numpy()
        return bound

    def score(self, X: ArrayLike, y: object = None) -> float:
        """The mean of :meth:`score_samples`, in nats per datum."""
        return float(self.score_samples(X).mean())

    def save(self, path: str | Path) -> None:
        """Write a run folder: configuration, weights and history; nothing that executes.

        Raises:
            FileExistsError: the folder exists and is not empty.
        """
        from .persistence import save

        check_is_fitted(self)
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The fitted estimator of a run folder.

        Raises:
            FileNotFoundError: there is no such folder, or it has no weights yet.
            ValueError: the folder is foreign, damaged, or of another estimator.
        """
        from .persistence import load

        loaded = load(path)
        if not isinstance(loaded, cls):
            raise ValueError(f"{path} holds a {type(loaded).__name__}, not a {cls.__name__}")
        return loaded

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")
