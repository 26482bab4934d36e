"""Milliseconds of a training step: hand-written torch beside the two bounds and Pyro's SVI.

All contenders have the same networks and start from the same weights; they take turns, so that a
machine that slows down slows all of them, and every figure is a median. Also: an epoch of the
training loop beside its bare steps, and the peak memory of an epoch.

    python benchmarks/step_time.py
    python benchmarks/step_time.py --models vade gmvae --batch-sizes 256 --steps 20
    python benchmarks/step_time.py --device cuda --capture --no-memory

With ``--capture`` the closed-form step is recorded as a CUDA graph too, and replayed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import pyro
import torch
from pyro.infer import SVI, TraceEnum_ELBO
from pyro.optim import Adam as PyroAdam  # type: ignore[attr-defined]
from sklearn.base import clone
from torch import Tensor, nn

from pyromix import DHVC, GMVAE, MFCVAE, DeepMixture, GamMMVAE, VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    Affiliation,
    ClosedFormELBO,
    EnumeratedELBO,
    MixtureELBO,
    ObjectiveModule,
    Term,
    Trainer,
)
from pyromix.inference.training.batches import Batch
from pyromix.inference.training.captured import WARM, CapturedStep, Losses
from pyromix.inference.training.loop import fused_adam
from pyromix.models import MixtureVAE
from pyromix.networks import Perceptron
from pyromix.reports import table_head

if TYPE_CHECKING:
    from . import hand_written
else:  # a script finds its neighbours by their bare names
    import hand_written

FEATURES = 784
CONTENDERS = ("hand-written", "closed-form", "enumerated", "Pyro SVI.step")
Step = Callable[[Tensor], object]


class Model(NamedTuple):
    """A model of the zoo: what makes its story, its bound written by hand, and its terms."""

    estimator: DeepMixture
    hand_written: type[nn.Module]
    terms: tuple[Term, ...] = ()
    event_shape: tuple[int, ...] = (FEATURES,)

    def story(self, n_clusters: int = 10) -> tuple[MixtureVAE, Guide]:
        """A story and its guide, of so many clusters in each facet, always the same."""
        torch.manual_seed(0)
        estimator: DeepMixture = clone(self.estimator)
        facets = isinstance(estimator, MFCVAE)
        estimator.set_params(n_clusters=(n_clusters, n_clusters) if facets else n_clusters)
        return estimator.build(self.event_shape)


_VADE = VaDE(networks=Perceptron())
MODELS = {
    "vade": Model(_VADE, hand_written.HandWrittenVaDE),
    "gmvae": Model(GMVAE(), hand_written.HandWrittenGMVAE),
    "gammm-vae": Model(GamMMVAE(networks=Perceptron()), hand_written.HandWrittenGamMM),
    "dhvc": Model(DHVC(), hand_written.HandWrittenDHVC, event_shape=(1, 28, 28)),
    "augmented-vade": Model(_VADE, hand_written.HandWrittenAugmented, (Affiliation(1.0),)),
    "mfcvae": Model(MFCVAE(), hand_written.HandWrittenMFCVAE),
    "mfcvae-conv": Model(MFCVAE(), hand_written.HandWrittenMFCVAE, event_shape=(3, 32, 32)),
}


def _captured(module: ObjectiveModule) -> Step:
    optimizer = fused_adam(module, 1e-4, capturable=True)

    def step(batch: Batch) -> Losses:
        optimizer.zero_grad()
        loss, parts = module(batch.x)
        loss.backward()
        optimizer.step()
        return loss, parts

    replayed = CapturedStep(step, module, torch.device("cuda"))
    return lambda x: replayed(Batch(x, {}))


def _fused(module: nn.Module) -> Step:
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)

    def step(x: Tensor) -> None:
        optimizer.zero_grad()
        module(x)[0].backward()
        optimizer.step()

    return step


def contenders(name: str, n_clusters: int, device: str, *, capture: bool) -> dict[str, Step]:
    """One step of each contender, from the same weights."""
    model = MODELS[name]

    def story() -> tuple[nn.Module, nn.Module]:
        mixture, guide = model.story(n_clusters)
        return mixture.to(device), guide.to(device)

    def objective(elbo: MixtureELBO) -> ObjectiveModule:
        return ObjectiveModule(elbo, *story())

    svi = SVI(*story(), PyroAdam({"lr": 1e-4}), TraceEnum_ELBO(max_plate_nesting=1))
    recorded = {"captured": _captured(objective(ClosedFormELBO(model.terms)))} if capture else {}
    return recorded | {
        "hand-written": _fused(model.hand_written(*story())),
        "closed-form": _fused(objective(ClosedFormELBO(model.terms))),
        "enumerated": _fused(objective(EnumeratedELBO(model.terms))),
        "Pyro SVI.step": svi.step,
    }


def medians(steps: dict[str, Step], x: Tensor, rounds: int) -> dict[str, float]:
    """Median milliseconds of each step, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + WARM + 2):
        for name, step in steps.items():
            started = perf_counter()
            step(x)
            if x.is_cuda:
                torch.cuda.synchronize()
            if turn >= WARM + 2:
                times[name].append(1000 * (perf_counter() - started))
    return {name: float(torch.tensor(values).median()) for name, values in times.items()}


def step_table(
    names: list[str],
    batch_sizes: list[int],
    clusters: list[int],
    rounds: int,
    device: str,
    *,
    capture: bool,
) -> None:
    """Print milliseconds a step, and in brackets the ratio to hand-written torch."""
    print(f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads")
    own = ["captured"] if capture else []
    print(table_head("model", "batch", "K", *own, *CONTENDERS))
    found: dict[tuple[str, int, int, str], float] = {}
    for name in names:
        for batch_size in batch_sizes:
            steps = {
                (k, contender): step
                for k in clusters
                for contender, step in contenders(name, k, device, capture=capture).items()
            }
            x = torch.rand(batch_size, *MODELS[name].event_shape, device=device)
            labelled = medians({f"{k} {c}": step for (k, c), step in steps.items()}, x, rounds)
            for k in clusters:
                row = {c: labelled[f"{k} {c}"] for (each, c) in steps if each == k}
                base = row["hand-written"]
                cells = " | ".join(f"{ms:.1f} ({ms / base:.2f})" for ms in row.values())
                print(f"| {name} | {batch_size} | {k} | {cells} |", flush=True)
                found |= {(name, batch_size, k, c): ms for c, ms in row.items()}
    if len(clusters) > 1:
        low, high = clusters[0], clusters[-1]
        for name in names:
            for batch_size in batch_sizes:
                for contender in ("closed-form", "enumerated"):
                    keys = [(name, batch_size, k, contender) for k in (low, high)]
                    ratio = found[keys[1]] / found[keys[0]]
                    print(
                        f"{name}, batch {batch_size}, {contender}: K={high} / K={low} = {ratio:.2f}"
                    )


def loop_overhead(rounds: int) -> None:
    """Print an epoch of the training loop as a ratio to the same steps written out."""
    x = torch.rand(20 * 256, FEATURES)
    objective = ObjectiveModule(ClosedFormELBO(), *MODELS["vade"].story())
    step = _fused(objective)
    trainer = Trainer(max_epochs=1, batch_size=256)
    ratios = []
    for _ in range(max(3, rounds // 8)):
        started = perf_counter()
        for batch in x.split(256):
            step(batch)
        bare = perf_counter() - started
        ratios.append(trainer.fit(objective, x)[-1]["seconds"] / bare)
    print(f"epoch / its bare steps = {float(torch.tensor(ratios).median()):.3f}")


def peak_memory(contender: str) -> None:
    """Train one epoch on 60,000 rows the size of MNIST and print this process's peak in MiB."""
    model, guide = MODELS["vade"].story()
    x = torch.rand(60_000, FEATURES)
    if contender == "hand-written":
        step = _fused(hand_written.HandWrittenVaDE(model, guide))
        for index in torch.randperm(len(x)).split(256):
            step(x[index])
    else:
        elbo: MixtureELBO = ClosedFormELBO() if contender == "closed-form" else EnumeratedELBO()
        Trainer(max_epochs=1, batch_size=256).fit(ObjectiveModule(elbo, model, guide), x)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def memory_table() -> None:
    """Print the peak memory of each contender in a process of its own."""
    peaks = {}
    for contender in ("hand-written", "closed-form", "enumerated"):
        command = [sys.executable, __file__, "--peak-memory-of", contender]
        peaks[contender] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    base = peaks["hand-written"]
    cells = ", ".join(f"{name} {mib} MiB ({mib / base:.2f})" for name, mib in peaks.items())
    print(f"peak memory of an epoch on 60,000 × 784: {cells}")


def main() -> None:
    """Parse the command line and print what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[128, 256, 1024])
    parser.add_argument("--clusters", nargs="+", type=int, default=[10, 100])
    parser.add_argument("--steps", type=int, default=30, help="timed rounds of each step")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--capture", action="store_true", help="a recorded step as well")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--peak-memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: there is no CUDA device here")
    if options.capture and options.device != "cuda":
        parser.error("--capture records the steps of a CUDA device: add --device cuda")
    pyro.enable_validation(False)
    # Importing Fabric sets it, and without a GPU it slows every optimiser step that follows.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if options.peak_memory_of:
        peak_memory(options.peak_memory_of)
        return
    # First of all, since a process's peak starts at that of the process it was made from.
    if not options.no_memory:
        memory_table()
    step_table(
        options.models,
        options.batch_sizes,
        options.clusters,
        options.steps,
        options.device,
        capture=options.capture,
    )
    loop_overhead(options.steps)


if __name__ == "__main__":
    main()
