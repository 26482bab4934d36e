"""What a more flexible posterior is worth: nats gained by heads, and what a step costs.

The same VaDE with a diagonal Gaussian, a full one, and a flow as q(z | x), on the digits and on the
pinwheel: the evidence lower bound and the importance-weighted bound of held-out rows in nats per
datum (a sixth of the first thousand, the means over seeds), and milliseconds a step on one thread.
Training is short, 12 epochs: the watch over the clusters after each epoch is dear with a flow.

    python benchmarks/heads.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyromix import DeepMixture, VaDE
from pyromix.data import load
from pyromix.guides import FlowHead, FullGaussianHead, GaussianHead, Head
from pyromix.inference import GaussianMixtureStart, Neighbours, Training, bound
from pyromix.models import Normal

HEADS: dict[str, type[Head]] = {
    "GaussianHead": GaussianHead,
    "FullGaussianHead": FullGaussianHead,
    "FlowHead": FlowHead,
}
RESULTS = Path(__file__).parent / "results"


def settings(data: str) -> dict[str, Any]:
    """The rest of the estimator, which all heads share."""
    if data == "digits":
        return {
            "n_clusters": 10,
            "latent_dim": 10,
            "training": Training(max_epochs=12, learning_rate=1e-3),
        }
    return {
        "n_clusters": 5,
        "latent_dim": 2,
        "likelihood": partial(Normal, scale=0.1),
        "training": Training(max_epochs=12, learning_rate=2e-3),
    }


def measure(data: str, head: type[Head], seed: int) -> dict[str, float]:
    """Bounds on held-out rows, and the cost of a step."""
    x = load(data).x.astype(float)[:1000]
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, rest = x[order[: len(x) // 6]], x[order[len(x) // 6 :]]
    posterior = partial(head, log_scale=-2.0)  # type: ignore[call-arg]
    phases: dict[str, Any] = {"pretraining": Neighbours(), "start": GaussianMixtureStart()}
    vade = VaDE(posterior=posterior, random_state=seed, **phases, **settings(data))
    model: DeepMixture = vade.fit(rest)
    rows = torch.as_tensor(held_out, dtype=torch.float32)
    elbo = bound(model.model_, model.guide_, rows, num_samples=20, seed=seed)
    train = [row["seconds"] for row in model.history_ if row["phase"] == "train"]
    steps = -(-len(rest) // model.training.batch_size)
    return {
        "bound": float(elbo.mean()),
        "importance_weighted_bound": float(model.score_samples(held_out, num_samples=100).mean()),
        "ms_a_step": 1000 * float(np.median(train)) / steps,
    }


def main() -> None:
    """Measure, write the results and print a table of means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", default=["digits", "pinwheel"])
    parser.add_argument("--heads", nargs="+", default=list(HEADS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    print("| data | head | bound | importance-weighted bound | gap | ms a step |")
    print("|---|---|---|---|---|---|")
    for data in options.data:
        for name in options.heads:
            head = HEADS[name]
            found = [measure(data, head, seed) for seed in options.seeds]
            mean = {key: float(np.mean([each[key] for each in found])) for key in found[0]}
            rows.append({"data": data, "head": name, "seeds": options.seeds, **mean})
            tight = mean["importance_weighted_bound"] - mean["bound"]
            print(
                f"| {data} | `{name}` | {mean['bound']:.2f} "
                f"| {mean['importance_weighted_bound']:.2f} | {tight:.2f} "
                f"| {mean['ms_a_step']:.1f} |",
                flush=True,
            )
            RESULTS.mkdir(exist_ok=True)
            text = json.dumps(rows[-1], indent=2) + "\n"
            (RESULTS / f"heads-{data}-{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
