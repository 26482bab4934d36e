"""Seconds of an epoch of joint training: this package's VaDE beside ClustPy's, equal in all.

Both have networks of 784-500-500-2000-10, ReLU, K = 10, batches of 256, Adam, float32, and data of
the size of MNIST's; each runs its own loop, ClustPy's with its own loader. They take turns, so that
a machine that slows down slows both, and the ratio is the median of the turns' ratios. ClustPy
comes by ``pip install -e '.[peers]'``.

    OMP_NUM_THREADS=1 python benchmarks/clustpy_epoch.py --turns 9
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from contextlib import redirect_stderr
from time import perf_counter, process_time

import numpy as np
import torch

from pyromix import VaDE
from pyromix.inference import ClosedFormELBO, ObjectiveModule, Trainer
from pyromix.networks import Perceptron
from pyromix.reports import environment, table_head, table_row

SHAPE = (784, 500, 500, 2000, 10)
BATCH = 256
Epoch = Callable[[], object]


def ours(x: torch.Tensor) -> Epoch:
    """An epoch of our loop; the trainer is set up anew for each, as a fit does once."""
    estimator = VaDE(latent_dim=SHAPE[-1], networks=Perceptron(SHAPE[1:-1]), likelihood="bernoulli")
    objective = ObjectiveModule(ClosedFormELBO(), *estimator.build(SHAPE[:1]))
    trainer = Trainer(max_epochs=1, batch_size=BATCH)
    return lambda: trainer.fit(objective, x)


def theirs(x: torch.Tensor) -> Epoch:
    """An epoch of ClustPy's loop, without its pretraining."""
    from clustpy.deep._data_utils import get_dataloader
    from clustpy.deep.vade import _VaDE_Module, _VaDE_VAE

    network = _VaDE_VAE(layers=list(SHAPE))
    network.fitted = True
    module = _VaDE_Module(10, SHAPE[-1], variances=np.ones((10, SHAPE[-1]), np.float32))
    parameters = [*network.parameters(), *module.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    loader = get_dataloader(x.numpy(), BATCH, shuffle=True)
    loss, device = torch.nn.BCELoss(), torch.device("cpu")
    return lambda: module.fit(network, loader, loader, 1, device, optimizer, loss, 1.0, 1.0)


def main() -> None:
    """Parse the command line, take turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--rows", type=int, default=12_800)
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.rand(options.rows, SHAPE[0])
    epochs = {"pyromix": ours(x), "ClustPy": theirs(x)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in epochs}
    for turn in range(options.turns + 1):
        for name, epoch in epochs.items():
            wall, cpu = perf_counter(), process_time()
            with redirect_stderr(io.StringIO()):  # ClustPy draws a bar
                epoch()
            if turn:  # the first turn warms up
                found[name].append((perf_counter() - wall, process_time() - cpu))
    print(f"{environment()}, {options.rows:,} rows, {options.turns} turns")
    print(table_head("VaDE of", "s an epoch", "CPU s an epoch"))
    for name, seconds in found.items():
        print(table_row(name, *map(float, np.median(seconds, 0))))
    ratios = np.array(found["ClustPy"]) / np.array(found["pyromix"])
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75], axis=0)
    for i, kind in enumerate(("wall", "CPU")):
        print(f"ClustPy / pyromix, {kind}: {middle[i]:.2f} (quartiles {low[i]:.2f}, {high[i]:.2f})")


if __name__ == "__main__":
    main()
