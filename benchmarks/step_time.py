"""Milliseconds of a training step: hand-written torch beside the two bounds and Pyro's SVI.

All contenders have the same networks and start from the same weights; they take turns, so that a
machine that slows down slows all of them, and every figure is a median. Also: an epoch of the
training loop beside its bare steps, and the peak memory of an epoch.

    python benchmarks/step_time.py
    python benchmarks/step_time.py --models vade gmvae --batch-sizes 256 --steps 20
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import pyro
import torch
from pyro.infer import SVI, TraceEnum_ELBO
from pyro.optim import Adam as PyroAdam
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pyromix.estimators import gmvae_story, vade_story
from pyromix.guides import Guide
from pyromix.inference import ClosedFormELBO, EnumeratedELBO, Objective, Trainer
from pyromix.models import MixtureVAE

FEATURES = 784
STORIES: dict[str, Callable[..., tuple[MixtureVAE, Guide]]] = {
    "vade": vade_story,
    "gmvae": gmvae_story,
}
Step = Callable[[Tensor], object]


def _log_normal(z: Tensor, loc: Tensor, log_scale: Tensor) -> Tensor:
    quadratic = ((z - loc) * (-log_scale).exp()).square()
    return (-0.5 * quadratic - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)


def _reconstruction(decoder: nn.Module, z: Tensor, x: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum(-1)


class HandWrittenVaDE(nn.Module):
    """What one would write without the package: the marginal bound of VaDE in a dozen lines."""

    def __init__(self, model: MixtureVAE, guide: Guide) -> None:
        super().__init__()
        self.encoder, self.head = guide.encoder, guide.heads["z"].linear
        self.decoder = model.likelihood.decoder
        self.logits, self.loc = model.prior.logits, model.prior.loc
        self.log_scale = model.prior.log_scale

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loc, log_scale = self.head(self.encoder(x)).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        log_joint = self.logits.log_softmax(-1) + _log_normal(
            z.unsqueeze(1), self.loc, self.log_scale
        )
        entropy = (log_scale + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        bound = log_joint.logsumexp(-1) + entropy - _reconstruction(self.decoder, z, x)
        return -bound.mean(), {}


class HandWrittenGMVAE(nn.Module):
    """The same for the exact bound of GMVAE."""

    def __init__(self, model: MixtureVAE, guide: Guide) -> None:
        super().__init__()
        self.encoder, self.heads = guide.encoder, guide.heads
        self.decoder, self.network = model.likelihood.decoder, model.prior.network
        self.n_clusters, self.latent_dim = model.prior.n_clusters, model.prior.latent_dim

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.encoder(x)
        loc, log_scale = self.heads["z"].linear(features).chunk(2, -1)
        w_loc, w_log_scale = self.heads["w"].linear(features).chunk(2, -1)
        z = loc + log_scale.exp() * torch.randn_like(loc)
        w = w_loc + w_log_scale.exp() * torch.randn_like(w_loc)
        shape = (self.n_clusters, 2, self.latent_dim)
        p_loc, p_log_scale = self.network(w).unflatten(-1, shape).unbind(-2)
        log_joint = _log_normal(z.unsqueeze(1), p_loc, p_log_scale.clamp(-4, 4))
        log_p = log_joint.logsumexp(-1) - math.log(self.n_clusters)
        kl_w = 0.5 * (w_loc.square() + (2 * w_log_scale).exp() - 1 - 2 * w_log_scale).sum(-1)
        entropy = (log_scale + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        bound = log_p + entropy - kl_w - _reconstruction(self.decoder, z, x)
        return -bound.mean(), {}


HAND_WRITTEN = {"vade": HandWrittenVaDE, "gmvae": HandWrittenGMVAE}


def _fused(module: nn.Module) -> Step:
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)

    def step(x: Tensor) -> None:
        optimizer.zero_grad()
        module(x)[0].backward()
        optimizer.step()

    return step


def contenders(name: str, n_clusters: int) -> dict[str, Step]:
    """One step of each contender, from the same weights."""

    def story() -> tuple[MixtureVAE, Guide]:
        torch.manual_seed(0)
        return STORIES[name]((FEATURES,), n_clusters=n_clusters)

    svi = SVI(*story(), PyroAdam({"lr": 1e-4}), TraceEnum_ELBO(max_plate_nesting=1))
    return {
        "hand-written": _fused(HAND_WRITTEN[name](*story())),
        "closed-form": _fused(Objective(ClosedFormELBO(), *story())),
        "enumerated": _fused(Objective(EnumeratedELBO(), *story())),
        "Pyro SVI.step": svi.step,
    }


def medians(steps: dict[str, Step], x: Tensor, rounds: int) -> dict[str, float]:
    """Median milliseconds of each step, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 3):
        for name, step in steps.items():
            started = perf_counter()
            step(x)
            if turn >= 3:
                times[name].append(1000 * (perf_counter() - started))
    return {name: float(torch.tensor(values).median()) for name, values in times.items()}


def step_table(names: list[str], batch_sizes: list[int], clusters: list[int], rounds: int) -> None:
    """Print milliseconds a step, and in brackets the ratio to hand-written torch."""
    print(f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads")
    print("| model | batch | K | hand-written | closed-form | enumerated | Pyro SVI.step |")
    print("|---|---|---|---|---|---|---|")
    found: dict[tuple[str, int, int, str], float] = {}
    for name in names:
        for batch_size in batch_sizes:
            steps = {
                (k, contender): step
                for k in clusters
                for contender, step in contenders(name, k).items()
            }
            x = torch.rand(batch_size, FEATURES)
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
    torch.manual_seed(0)
    objective = Objective(ClosedFormELBO(), *vade_story((FEATURES,)))
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
    torch.manual_seed(0)
    x = torch.rand(60_000, FEATURES)
    model, guide = vade_story((FEATURES,))
    if contender == "hand-written":
        step = _fused(HandWrittenVaDE(model, guide))
        for index in torch.randperm(len(x)).split(256):
            step(x[index])
    else:
        elbo = {"closed-form": ClosedFormELBO, "enumerated": EnumeratedELBO}[contender]()
        Trainer(max_epochs=1, batch_size=256).fit(Objective(elbo, model, guide), x)
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
    parser.add_argument("--models", nargs="+", default=list(STORIES), choices=list(STORIES))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[128, 256, 1024])
    parser.add_argument("--clusters", nargs="+", type=int, default=[10, 100])
    parser.add_argument("--steps", type=int, default=30, help="timed rounds of each step")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--peak-memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    pyro.enable_validation(False)
    if options.peak_memory_of:
        peak_memory(options.peak_memory_of)
        return
    step_table(options.models, options.batch_sizes, options.clusters, options.steps)
    loop_overhead(options.steps)
    if not options.no_memory:
        memory_table()


if __name__ == "__main__":
    main()
