"""Laws that torch and Pyro lack, and closed forms between laws."""

from .batch import unsqueeze_batch
from .cross_entropy import cross_entropy, register_cross_entropy

__all__ = ["cross_entropy", "register_cross_entropy", "unsqueeze_batch"]
