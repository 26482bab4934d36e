"""The phases by which five of the zoo's estimators are fitted: found groups, taught, then let go.

The settings were chosen on MNIST's first 10,000 images and on the digits, by what was kept of the
groups: an untaught encoder loses them, ten latent dimensions are too few for the plain bound to
keep them, and a higher rate than that of the joint training wanders off.
"""

from __future__ import annotations

from ..inference import Budget, PseudoLabels, Training

LATENT_DIM = 32
START = PseudoLabels()
TRAINING = Training(max_epochs=Budget(2000, least=3, most=20), learning_rate=1e-4)
