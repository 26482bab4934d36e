"""For parts of your own, and for answers: contracts and calibration that anyone can run."""

from .calibration import Calibration, calibration

__all__ = ["Calibration", "calibration"]
