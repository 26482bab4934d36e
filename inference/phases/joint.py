"""The joint training of a story and its guide by an objective."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from ...parts import Count, Natural, Positive, Share
from ..objectives import Clock, MixtureELBO, MutualInformation, ObjectiveModule
from ..training import Decay, Trainer, is_main_process
from .monitor import ClusterMonitor
from .phase import Budget, Fit, Phase, epochs_of
from .progressive import During, joining_of


@dataclass(frozen=True, repr=False)
class Training(Phase, kind="training"):
    """How story and guide are trained together, by Adam on all parameters at once.

    Args:
        max_epochs: passes over the data, at most, or a budget of steps; 0 for none.
        batch_size: rows of a batch, here and in the pretraining, over all processes together.
        learning_rate: of Adam.
        learning_rate_decay: ``"cosine"`` to zero, ``(factor, every n epochs)``, to which a third
            entry adds the least share of the rate that is left, or ``None``.
        epsilon: what Adam adds to the root of its second moment; the pretraining has Adam's usual.
        gradient_clip: largest norm of the gradient, or ``None``.
        patience: stop when the held-out bound has not risen for so many epochs, or ``None``.
        validation_fraction: share of the data held out when ``patience`` or restarts need it.
        during: what happens on the way: :class:`Progressive`, :class:`Refit`.
        capture: record a step as a CUDA graph and replay it, on one CUDA device. The objective is
            closed-form, and its weights are constant.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> Training(max_epochs=40).with_params(learning_rate=1e-3).learning_rate
        0.001
    """

    max_epochs: Natural | Budget = Budget(5000, least=10, most=40)
    batch_size: Count = 128
    learning_rate: Positive = 3e-4
    learning_rate_decay: Decay | None = "cosine"
    epsilon: Positive = 1e-8
    gradient_clip: Positive | None = 10.0
    patience: Count | None = None
    validation_fraction: Share = 0.1
    during: tuple[During, ...] = ()
    capture: bool = False

    example = "Training(max_epochs=40)"

    def trainer(self, steps_per_epoch: int, verbose: bool = False) -> Trainer:
        """The loop with these settings."""
        return Trainer(
            max_epochs=epochs_of(self.max_epochs, steps_per_epoch),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            learning_rate_decay=self.learning_rate_decay,
            epsilon=self.epsilon,
            gradient_clip=self.gradient_clip,
            patience=self.patience,
            capture=self.capture,
            verbose=verbose,
        )

    def objective(self, fit: Fit, elbo: MixtureELBO) -> ObjectiveModule:
        """What is minimised, with a clock and with what happens on the way.

        Args:
            fit: the fit under way.
            elbo: the objective at its first step, which is changed in place.

        Raises:
            TypeError, ValueError: something on the way that the story cannot have, or that
                ``patience`` could cut short.
        """
        whole = [type(each).__name__ for each in self.during if each.whole]
        if self.patience is not None and whole:
            raise ValueError(
                f"training's patience is {self.patience}: training could stop before all facets "
                f"have joined and been fitted anew; use None, or during without "
                f"{' and '.join(whole)}"
            )
        steps = fit.steps_per_epoch
        elbo.clock = clock = Clock(steps, epochs_of(self.max_epochs, steps))
        mixtures = {mixture.site("c"): mixture for mixture in fit.model.prior.mixtures}
        sizes = {site: groups.sum(0) for site, groups in fit.groups.items()}
        elbo.terms = tuple(
            term.heed(sizes).attach(mixtures, len(fit.everything)) for term in elbo.terms
        )
        joining = joining_of(self.during, fit.model, clock)
        joining.kl_weights(elbo.kl_weights)  # refuses another number of them than of facets
        hooks = [each.hook(fit, elbo, joining) for each in self.during]
        module = ObjectiveModule(elbo, fit.model, fit.guide, hooks)
        if self.capture and (changing := module.changing()):
            raise ValueError(f"training's capture is True, and {changing}: use capture=False")
        return module

    def __call__(self, fit: Fit, elbo: MixtureELBO | None = None) -> None:
        """Train, and warn of clusters that merged or ended empty.

        Args:
            fit: the fit under way.
            elbo: the objective, of which a copy counts the steps.
        """
        if elbo is None:
            raise TypeError("elbo is missing: the joint training needs an objective")
        objective = self.objective(fit, copy.deepcopy(elbo))
        terms = objective.elbo.terms
        equal = [t for t in terms if isinstance(t, MutualInformation) and t.expected is None]
        monitor = ClusterMonitor(fit.model, fit.guide, fit.data, balanced=bool(equal))
        self.trainer(fit.steps_per_epoch, fit.verbose).fit(
            objective,
            fit.everything,
            fabric=fit.fabric,
            phase="train" + fit.suffix,
            seed=fit.seed,
            validation=fit.validation,
            checkpoint=fit.checkpoint,
            history=fit.history,
            callbacks=[objective.log, monitor],
        )
        if is_main_process():
            monitor.conclude()
