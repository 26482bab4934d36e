"""Data: bundled digits, torchvision's image sets, synthetic sets, a user's files and arrays."""

from .annotated import Annotated, read_annotated
from .catalogue import DATASETS, DEFAULT_ROOT, load
from .coloured import colour_digits, coloured_mnist
from .dataset import Dataset, check_labels, check_x, fingerprint
from .factors import DSPRITES, SHAPES3D, combinations, read_dsprites, read_shapes3d
from .files import TABLES, load_file, read_frame, write_frame
from .frames import as_frame, by_protocol, not_numbers, row_names
from .kinds import schema_of
from .schema import Column, Schema, Unseen
from .shapes3d import render, shapes3d
from .synthetic import arcs, pinwheel
from .vision import load_vision

__all__ = [
    "DATASETS",
    "DEFAULT_ROOT",
    "DSPRITES",
    "SHAPES3D",
    "TABLES",
    "Annotated",
    "Column",
    "Dataset",
    "Schema",
    "Unseen",
    "arcs",
    "as_frame",
    "by_protocol",
    "check_labels",
    "check_x",
    "colour_digits",
    "coloured_mnist",
    "combinations",
    "fingerprint",
    "load",
    "load_file",
    "load_vision",
    "not_numbers",
    "pinwheel",
    "read_annotated",
    "read_dsprites",
    "read_frame",
    "read_shapes3d",
    "render",
    "row_names",
    "schema_of",
    "shapes3d",
    "write_frame",
]
