"""What a fit leaves to look at: tables beside the baselines, ``metrics.json`` and pictures."""

from __future__ import annotations

from rich.console import Console

from ..data import Dataset
from ..estimators import DeepMixture
from ..inference import Run
from .baselines import MAX_ROWS, fit_baselines
from .fits import responsibilities
from .pictures import draw_pictures, save_figure
from .scores import Scores, main_scores, mean_bound, scored
from .tables import comparison, facet_lines


def write_report(
    run: Run,
    estimator: DeepMixture,
    seconds: float,
    train: Dataset,
    data: Dataset,
    split: str,
) -> None:
    """Score a fit beside the baselines; write its metrics and pictures; print the tables.

    Args:
        run: where to write.
        estimator: fitted.
        seconds: of the whole fit.
        train: what it was fitted to.
        data: what it is scored on.
        split: what ``data`` is called: ``"all"`` or ``"test"``.
    """
    config = run.read_config()
    gammas, n_clusters = responsibilities(estimator, data.named), estimator.clusterings()
    own = scored(data, gammas) | {"bound": mean_bound(estimator, data.named), "seconds": seconds}
    for name, figure in draw_pictures(estimator, data, gammas):
        save_figure(figure, run.path / f"{name}.png")
    sizes = {k: f", K = {k}" if len(set(n_clusters)) > 1 else "" for k in n_clusters}
    rows: dict[str, Scores] = {}
    others: dict[str, Scores] = {}
    for j, (gamma, k) in enumerate(zip(gammas, n_clusters, strict=True)):
        facet = f" facet {j}{sizes[k]}" if len(gammas) > 1 else ""
        rows[config.estimator + facet] = scored(data, [gamma]) | {"seconds": seconds}
    with Console(stderr=True).status("baselines") as status:
        for k, size in sizes.items():
            for each in fit_baselines(train, data, k, config.seed or 0):
                scores = scored(data, [each.responsibilities]) | {"seconds": each.seconds}
                others[each.name + size] = scores
                status.update(f"baselines: {each.name}{size} done")
    facts = {
        "method": config.estimator,
        "data": data.name,
        "split": split,
        "n": len(data),
        "n_clusters": estimator.n_clusters_,
        "seed": config.seed,
        "baseline_rows": min(len(train), MAX_ROWS),
    }
    run.write_metrics({**facts, "metrics": own, "baselines": others})
    console = Console(highlight=False)
    clusters = ", ".join(map(str, n_clusters))
    console.print(f"{data.name}, {split} (N = {len(data):,}), K = {clusters}, seed {config.seed}")
    for columns in main_scores(data, len(gammas)):
        console.print(comparison(rows | others, columns))
    for line in facet_lines(own):
        console.print(line)
    if len(train) > MAX_ROWS:
        console.print(f"baselines are fitted to {MAX_ROWS:,} rows drawn at random")
    console.print(f"run folder: {run.path}", soft_wrap=True)
