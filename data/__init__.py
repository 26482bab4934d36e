"""Data: bundled digits, torchvision's image sets, synthetic sets, a user's files and arrays."""

from .catalogue import DATASETS, DEFAULT_ROOT, load
from .dataset import Dataset, check_labels, check_x, fingerprint
from .files import load_file
from .synthetic import arcs, pinwheel
from .vision import load_vision

__all__ = [
    "DATASETS",
    "DEFAULT_ROOT",
    "Dataset",
    "arcs",
    "check_labels",
    "check_x",
    "fingerprint",
    "load",
    "load_file",
    "load_vision",
    "pinwheel",
]
