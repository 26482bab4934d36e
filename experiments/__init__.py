"""Experiments: fits whose numbers were published, declared, run seed by seed, and tabled."""

from __future__ import annotations

from . import gmvae, mfcvae, vade, zoo
from .experiment import Budget, Experiment, Target
from .mfcvae import SETTINGS as MFCVAE_SETTINGS
from .records import Record, labelling, peak_memory, place, read, records
from .running import apart, measure, splits
from .tables import methods_tables, published_table
from .watching import Stopwatch, Watch

EXPERIMENTS: dict[str, Experiment] = {
    each.name: each
    for each in (
        *gmvae.EXPERIMENTS,
        *vade.EXPERIMENTS,
        *mfcvae.EXPERIMENTS,
        *zoo.EXPERIMENTS,
    )
}

__all__ = [
    "EXPERIMENTS",
    "MFCVAE_SETTINGS",
    "Budget",
    "Experiment",
    "Record",
    "Stopwatch",
    "Target",
    "Watch",
    "apart",
    "labelling",
    "measure",
    "methods_tables",
    "peak_memory",
    "place",
    "published_table",
    "read",
    "records",
    "splits",
]
