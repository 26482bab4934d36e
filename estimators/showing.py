"""What an estimator looks like in a notebook: scikit-learn's diagram, and its parts and state."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..parts import rows_html, spelt

STORY = ("n_clusters", "latent_dim", "prior", "likelihood", "networks")
GUIDE = ("posterior", "assignment")
OBJECTIVE = ("objective", "terms")
PHASES = ("pretraining", "start", "training")


class Shows:
    """Adds to what scikit-learn shows of an estimator, wherever that shows anything."""

    def _repr_html_inner(self) -> str:
        shown: str = super()._repr_html_inner()  # type: ignore[misc]
        return shown + self._panel()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += self._panel()
        return bundle

    def _panel(self) -> str:
        """Story, guide, objective, phases and state, as tables."""
        given = {
            title: {name: spelt(getattr(self, name)) for name in names}
            for title, names in (
                ("Story", STORY),
                ("Guide", GUIDE),
                ("Objective", OBJECTIVE),
                ("Phases", PHASES),
            )
        }
        tables = [rows_html(title, rows) for title, rows in given.items()]
        return "".join([*tables, rows_html("State", self._state())])

    def _state(self) -> dict[str, object]:
        if not hasattr(self, "model_"):
            return {"fitted": "no"}
        check_is_fitted(self)
        fitted: Any = self
        state: dict[str, object] = {
            "fitted": f"to data of shape {tuple(fitted.model_.likelihood.event_shape)}",
            "prior": fitted.model_.prior,
            "clusters": fitted.n_clusters_,
            "parameters": f"{sum(p.numel() for p in fitted.model_.parameters()):,} of the story, "
            f"{sum(p.numel() for p in fitted.guide_.parameters()):,} of the guide",
            "epochs": len(fitted.history_),
        }
        last = fitted.history_[-1] if fitted.history_ else {}
        for name in ("loss", "validation"):
            if name in last:
                state[f"last {name}"] = f"{float(last[name]):.4g} nats per datum"
        return state
