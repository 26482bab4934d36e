"""What every test starts from: one seed, an empty parameter store, one thread's worth of noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyro
import pytest
import torch


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    """Seed the global generators, and put them and Pyro's parameter store back afterwards."""
    numpy_state = np.random.get_state()  # noqa: NPY002, the global generator is meant
    with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        yield
    np.random.set_state(numpy_state)  # noqa: NPY002
