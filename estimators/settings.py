"""The settings that all estimators share, and the objective and the recipe that they make."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Any, ClassVar, NamedTuple

from ..guides import Guide
from ..inference import (
    Affiliation,
    InformationFloor,
    LinearWarmup,
    MixtureELBO,
    MutualInformation,
    Recipe,
    Schedule,
    Term,
    Trainer,
    TwoViewRecipe,
    make_views,
)
from ..models import MixtureVAE
from .options import BOUNDS, choose


class Budget(NamedTuple):
    """How long a phase lasts where its epochs are not given: so many optimiser steps."""

    steps: int
    least: int = 1
    most: int | None = None

    def epochs(self, given: int | None, steps_per_epoch: int) -> int:
        """The epochs given; otherwise as many as the steps take, within ``least`` and ``most``."""
        if given is not None:
            return given
        epochs = max(self.least, ceil(self.steps / steps_per_epoch))
        return epochs if self.most is None else min(self.most, epochs)


@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """How an estimator is built and fitted; a subclass says which story it tells, by :meth:`story`.

    Args:
        n_clusters: number of clusters, K.
        latent_dim: dimension of z, D.
        hidden_dims: the encoder's hidden layers; the decoder mirrors them. ``None``: (256, 256) for
            up to 100 features, and the paper's for more.
        network: ``"mlp"``; for images ``(N, C, H, W)`` ``"strided"`` or, of 28×28 or 32×32,
            ``"conv"``; ``"auto"`` is ``"strided"`` for images, else ``"mlp"``.
        batch_norm: BatchNorm in the perceptrons; convolutions always have it.
        likelihood: ``"bernoulli"``, ``"continuous-bernoulli"``, ``"normal"``, ``"poisson"``,
            ``"negative-binomial"``; ``"auto"`` is Bernoulli for data within [0, 1], else normal.
        scale: standard deviation of the normal likelihood; ``None`` learns it.
        assignment: the rule for q(c | x): ``"marginal"`` (given z, tightest), ``"optimal"`` (the
            best that does not look at z) or ``"amortised"`` (a network; see ``n_heads``).
        bound: ``"closed-form"`` or ``"enumerated"``, two evaluations of the same bound.
        num_particles: samples of the latents for each datum and step.
        information_floor: nats below which KL(q(c | x) ‖ p(c)) is pushed up; 0 for none.
        affiliation: weight of the augmented ELBO's regulariser; 0 for none.
        affiliation_form: ``"entropy"``, ``"renyi"``, ``"variance"`` or ``"max"``.
        affiliation_warmup_epochs: epochs over which that weight rises from 0, at most half of all.
        mutual_information: weight of the extended mutual information of data and clusters.
        balance: α, how much more than discrimination that information weighs balance.
        views: makes it the information of the clusters of two views, and says what a datum's
            cluster should survive: ``"image"`` (small affine maps), ``"flip-crop"``, ``"vector"``
            (noise and dropout), or ``"auto"``; see :func:`pyromix.inference.make_views`. ``None``
            looks at one view.
        n_heads: assignment heads in the pretraining, which is by two-view information then: the
            head with most of it is kept, and the prior put where its clusters are. It needs
            ``assignment="amortised"`` and ``views``. 0: the pretraining is an autoencoder's.
        overclusters: clusters of a further head that sharpens the features; ``None``: 5 K, 0: none.
        pretrain_epochs: epochs before the joint training; ``None``: 5,000 steps, in 10 to 60
            epochs.
        pretrain_neighbours: the autoencoder's target is one of so many nearest neighbours of x,
            which is ours and makes groups show; 0 is the published target, x itself.
        initialisation: how the prior starts after that: on the code by ``"gmm"`` (full
            covariances), ``"gmm-diag"``, ``"gmm-tied"`` or ``"kmeans"``; ``"data"`` (k-means on
            the data) or ``"none"``.
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
    balance: float = 0.5
    views: str | None = None
    n_heads: int = 0
    overclusters: int | None = None
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

    published_dims: ClassVar[tuple[int, ...]] = (500, 500, 2000)
    pretraining: ClassVar[Budget] = Budget(5000, 10, 60)
    training: ClassVar[Budget] = Budget(5000, 10, 40)

    def story(self, event_shape: tuple[int, ...], likelihood: str) -> tuple[MixtureVAE, Guide]:
        """A fresh story and guide for data of this shape."""
        raise NotImplementedError

    def clusterings(self) -> tuple[int, ...]:
        """K of each clustering: of one."""
        return (self.n_clusters,)

    def shared(self, event_shape: tuple[int, ...], likelihood: str) -> dict[str, Any]:
        """The arguments that every story takes; hidden layers are smaller for small data."""
        usual = (256, 256) if prod(event_shape) <= 100 else self.published_dims
        return {
            "event_shape": event_shape,
            "n_clusters": self.n_clusters,
            "latent_dim": self.latent_dim,
            "hidden_dims": usual if self.hidden_dims is None else self.hidden_dims,
            "network": self.network,
            "batch_norm": self.batch_norm,
            "likelihood": likelihood,
            "scale": self.scale,
            "assignment": self.assignment,
        }

    def epochs(self, steps_per_epoch: int) -> int:
        """Epochs of the joint training, at most."""
        return self.training.epochs(self.max_epochs, steps_per_epoch)

    def terms(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> list[Term]:
        """The terms of the objective, their schedules in optimiser steps."""
        terms: list[Term] = []
        if self.information_floor:
            terms.append(InformationFloor(self.information_floor))
        if self.affiliation:
            epochs = min(self.affiliation_warmup_epochs, self.epochs(steps_per_epoch) // 2)
            weight = LinearWarmup(0.0, self.affiliation, epochs * steps_per_epoch)
            terms.append(Affiliation(weight, self.affiliation_form))
        if self.mutual_information:
            views = None if self.views is None else make_views(self.views, event_shape)
            terms.append(MutualInformation(self.mutual_information, self.balance, views))
        return terms

    def objective(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> MixtureELBO:
        """The objective, its schedules in optimiser steps."""
        weight: float | Schedule = 1.0
        if self.kl_warmup_epochs:
            weight = LinearWarmup(0.0, 1.0, self.kl_warmup_epochs * steps_per_epoch)
        elbo = choose("bound", self.bound, BOUNDS)
        terms = self.terms(steps_per_epoch, event_shape)
        return elbo(terms, kl_weight=weight, num_particles=self.num_particles)

    def recipe(self, steps_per_epoch: int, event_shape: tuple[int, ...]) -> Recipe:
        """The phases of the fit, for data of this shape."""
        common: dict[str, Any] = {
            "batch_size": self.batch_size,
            "learning_rate_decay": self.learning_rate_decay,
            "gradient_clip": self.gradient_clip,
            "verbose": self.verbose,
        }
        train = Trainer(
            max_epochs=self.epochs(steps_per_epoch),
            learning_rate=self.learning_rate,
            patience=self.patience,
            **common,
        )
        epochs = self.pretraining.epochs(self.pretrain_epochs, steps_per_epoch)
        plain = Recipe(
            self.objective(steps_per_epoch, event_shape),
            train,
            Trainer(max_epochs=epochs, **common),
            initialisation=self.initialisation,
            neighbours=self.pretrain_neighbours,
            n_init=self.n_init,
        )
        return self._with_heads(plain, event_shape) if self.n_heads else plain

    def _with_heads(self, plain: Recipe, event_shape: tuple[int, ...]) -> Recipe:
        if self.n_heads < 0 or self.assignment != "amortised" or self.views is None:
            raise ValueError(
                f"n_heads is {self.n_heads}, assignment {self.assignment!r} and views "
                f"{self.views!r}: heads need assignment='amortised' and views; use 0 for none"
            )
        return TwoViewRecipe(
            **vars(plain),
            views=make_views(self.views, event_shape),
            n_heads=self.n_heads,
            overclusters=5 * self.n_clusters if self.overclusters is None else self.overclusters,
            balance=self.balance,
        )
