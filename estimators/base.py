"""What every estimator shares: scikit-learn's surface over a story, a guide and a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import ceil, prod
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
    Affiliation,
    Checkpoint,
    ClosedFormELBO,
    EnumeratedELBO,
    InformationFloor,
    LinearWarmup,
    MixtureELBO,
    MutualInformation,
    Recipe,
    Schedule,
    Term,
    Trainer,
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
from ..inference.prediction import evaluating
from ..models import MixtureVAE
from .stories import choose

Array = NDArray[np.float32]
BOUNDS: dict[str, Any] = {"closed-form": ClosedFormELBO, "enumerated": EnumeratedELBO}


@dataclass(kw_only=True, eq=False, repr=False)
class DeepMixture(ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the zoo's estimators; a subclass says which story it tells, by :meth:`story`.

    Args:
        n_clusters: number of clusters, K.
        latent_dim: dimension of z, D.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them. ``None``: (256, 256) for
            up to 100 features, and the paper's for more.
        network: ``"mlp"``, or ``"conv"`` for images ``(N, C, H, W)`` of 28×28 or 32×32.
        batch_norm: BatchNorm in the perceptrons.
        likelihood: ``"bernoulli"``, ``"continuous-bernoulli"``, ``"normal"``, ``"poisson"``,
            ``"negative-binomial"``; ``"auto"`` is Bernoulli for data within [0, 1], else normal.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        assignment: the rule for q(c | x): ``"marginal"`` (given z, tightest) or ``"optimal"``.
        bound: ``"closed-form"`` or ``"enumerated"``, two evaluations of the same bound.
        num_particles: samples of the latents for each datum and step.
        information_floor: nats below which KL(q(c | x) ‖ p(c)) is pushed up; 0 for none.
        affiliation: weight of the augmented ELBO's regulariser; 0 for none.
        affiliation_form: ``"entropy"``, ``"renyi"``, ``"variance"`` or ``"max"``.
        affiliation_warmup_epochs: epochs over which that weight rises from 0, at most half of all.
        mutual_information: weight of the extended mutual information of data and clusters.
        pretrain_epochs: epochs of the autoencoder before the joint training; ``None``: 5,000 steps,
            in 10 to 60 epochs.
        pretrain_neighbours: the autoencoder's target is one of so many nearest neighbours of x,
            which is ours and makes groups show; 0 is the published target, x itself.
        initialisation: how the prior starts after that: on the code by ``"gmm"`` (full
            covariances), ``"gmm-diag"`` or ``"kmeans"``; ``"data"`` (k-means on the data) or
            ``"none"``.
        kl_warmup_epochs: epochs over which the weight of the latents rises from 0 to 1.
        max_epochs: epochs of the joint training, at most; ``None``: 5,000 steps, in 10 to 40
            epochs.
        batch_size: rows of a batch.
        learning_rate: of Adam in the joint training; pretraining has 1e-3.
        learning_rate_decay: ``"cosine"``, ``(factor, every n epochs)``, or ``None``.
        gradient_clip: largest norm of the gradient, or ``None``.
        n_init: restarts; the best held-out bound is kept, labels are never used.
        patience: stop when the held-out bound has not risen for so many epochs, or ``None``.
        validation_fraction: share of the data held out when ``n_init`` or ``patience`` needs it.
        random_state: seed, ``RandomState`` or ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        devices: processes to train in (DDP); above 1 a script needs a ``__main__`` guard.
        precision: ``"32-true"``, ``"bf16-mixed"`` or ``"64-true"``.
        verbose: show a progress bar for each phase.

    Attributes:
        labels_: cluster of each training datum, ``(N,)``.
        model_: the fitted story.
        guide_: its fitted guide.
        history_: rows with phase, epoch, loss and its named parts in nats per datum.
        n_features_in_: number of features seen in fit.
    """

    n_clusters: int = 10
    latent_dim: int = 10
    hidden_dims: tuple[int, ...] | None = None
    network: str = "mlp"
    batch_norm: bool = True
    likelihood: str = "auto"
    scale: float | None = None
    assignment: str = "marginal"
    bound: str = "closed-form"
    num_particles: int = 1
    information_floor: float = 0.0
    affiliation: float = 0.0
    affiliation_form: str = "entropy"
    affiliation_warmup_epochs: int = 10
    mutual_information: float = 0.0
    pretrain_epochs: int | None = None
    pretrain_neighbours: int = 10
    initialisation: str = "gmm"
    kl_warmup_epochs: int = 0
    max_epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 3e-4
    learning_rate_decay: tuple[float, int] | str | None = "cosine"
    gradient_clip: float | None = 10.0
    n_init: int = 1
    patience: int | None = None
    validation_fraction: float = 0.1
    random_state: Any = None
    device: str = "auto"
    devices: int = 1
    precision: Any = "32-true"
    verbose: bool = False

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        raise NotImplementedError

    def widths(self, event_shape: tuple[int, ...], published: tuple[int, ...]) -> tuple[int, ...]:
        """The hidden layers asked for; otherwise the published ones, or smaller for small data."""
        if self.hidden_dims is not None:
            return self.hidden_dims
        return published if prod(event_shape) > 100 else (256, 256)

    def epochs(self, steps_per_epoch: int) -> int:
        """Epochs of the joint training, at most."""
        return _epochs(self.max_epochs, steps_per_epoch, 40)

    def terms(self, steps_per_epoch: int) -> list[Term]:
        """The terms of the objective, their schedules in optimiser steps."""
        terms: list[Term] = []
        if self.information_floor:
            terms.append(InformationFloor(self.information_floor))
        if self.affiliation:
            epochs = min(self.affiliation_warmup_epochs, self.epochs(steps_per_epoch) // 2)
            weight = LinearWarmup(0.0, self.affiliation, epochs * steps_per_epoch)
            terms.append(Affiliation(weight, self.affiliation_form))
        if self.mutual_information:
            terms.append(MutualInformation(self.mutual_information))
        return terms

    def objective(self, steps_per_epoch: int) -> MixtureELBO:
        """The objective, its schedules in optimiser steps."""
        weight: float | Schedule = 1.0
        if self.kl_warmup_epochs:
            weight = LinearWarmup(0.0, 1.0, self.kl_warmup_epochs * steps_per_epoch)
        elbo = choose("bound", self.bound, BOUNDS)
        objective: MixtureELBO = elbo(
            self.terms(steps_per_epoch), kl_weight=weight, num_particles=self.num_particles
        )
        return objective

    def recipe(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> Recipe:
        """The phases of the fit, for data of this shape."""
        shared: dict[str, Any] = {
            "batch_size": self.batch_size,
            "learning_rate_decay": self.learning_rate_decay,
            "gradient_clip": self.gradient_clip,
            "verbose": self.verbose,
        }
        return Recipe(
            self.objective(steps_per_epoch),
            Trainer(
                max_epochs=self.epochs(steps_per_epoch),
                learning_rate=self.learning_rate,
                patience=self.patience,
                **shared,
            ),
            Trainer(max_epochs=_epochs(self.pretrain_epochs, steps_per_epoch, 60), **shared),
            initialisation=self.initialisation,
            neighbours=self.pretrain_neighbours,
            n_init=self.n_init,
        )

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
        if self.n_clusters < 1 or self.n_clusters > len(x):
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

    def adopt(self, model: MixtureVAE, guide: Guide, likelihood: str) -> None:
        """Take a trained story and guide as this estimator's own.

        Args:
            model: the story.
            guide: its guide.
            likelihood: the name of the story's likelihood.
        """
        self.model_, self.guide_, self.likelihood_ = model, guide, likelihood
        self.n_features_in_ = model.likelihood.event_shape[0]

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.n_init == 1 and self.patience is None:
            return x, None
        held_out = round(self.validation_fraction * len(x))
        if not 1 <= held_out < len(x) - self.n_clusters:
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
        parameter = next(self.model_.parameters())
        z = torch.as_tensor(np.asarray(Z)).to(parameter)
        if z.dim() != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"Z has shape {tuple(z.shape)}: use (N, {self.latent_dim})")
        with evaluating(self.model_):
            code = self.model_.prior.code({"z": z})
            mean: Array = self.model_.likelihood.mean(code).cpu().numpy()
        return mean

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


def _epochs(epochs: int | None, steps_per_epoch: int, most: int) -> int:
    """The epochs asked for; otherwise 5,000 steps, but at least 10 epochs and at most ``most``."""
    return min(most, max(10, ceil(5000 / steps_per_epoch))) if epochs is None else epochs
