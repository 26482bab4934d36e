"""Training: a loop on Lightning Fabric that knows nothing of mixtures, its checkpoints and runs."""

from .batches import Batch, Data, Rows, as_rows, steps_of
from .beside import Beside
from .captured import check_capture
from .checkpoint import Checkpoint
from .config import RunConfig
from .devices import is_main_process, launch, make_fabric
from .errors import TrainingDiverged, TrainingInterrupted
from .files import locked
from .iterating import IterableRows, Iterated
from .loop import Decay
from .machine import Roomy, cores, memory
from .parquet import ParquetRows
from .progress import PhaseProgress, doing, showing
from .reading import ArrayRows, DatasetRows, SparseRows
from .runs import Run
from .seeds import ALONE, derive_seed, seeded
from .shards import Shards, source_of
from .sources import Sample, Source
from .trainer import Callback, Row, Trainer
from .watching import watched

__all__ = [
    "ALONE",
    "ArrayRows",
    "Batch",
    "Beside",
    "Callback",
    "Checkpoint",
    "Data",
    "DatasetRows",
    "Decay",
    "IterableRows",
    "Iterated",
    "ParquetRows",
    "PhaseProgress",
    "Roomy",
    "Row",
    "Rows",
    "Run",
    "RunConfig",
    "Sample",
    "Shards",
    "Source",
    "SparseRows",
    "Trainer",
    "TrainingDiverged",
    "TrainingInterrupted",
    "as_rows",
    "check_capture",
    "cores",
    "derive_seed",
    "doing",
    "is_main_process",
    "launch",
    "locked",
    "make_fabric",
    "memory",
    "seeded",
    "showing",
    "source_of",
    "steps_of",
    "watched",
]
