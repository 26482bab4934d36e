"""pyromix: deep mixture models (clustering variational autoencoders) in Pyro.

The estimators are here, imported when they are asked for: ``from pyromix import VaDE``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimators import (
        DHVC as DHVC,
    )
    from .estimators import (
        GMVAE as GMVAE,
    )
    from .estimators import (
        MFCVAE as MFCVAE,
    )
    from .estimators import (
        AugmentedVaDE as AugmentedVaDE,
    )
    from .estimators import (
        DeepMixture as DeepMixture,
    )
    from .estimators import (
        GamMMVAE as GamMMVAE,
    )
    from .estimators import (
        VaDE as VaDE,
    )
    from .estimators import (
        load as load,
    )
    from .estimators import (
        select_k as select_k,
    )

__version__ = "0.2.0"

__all__ = [
    "DHVC",
    "GMVAE",
    "MFCVAE",
    "AugmentedVaDE",
    "DeepMixture",
    "GamMMVAE",
    "VaDE",
    "load",
    "select_k",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'pyromix' has no attribute {name!r}")
    from . import estimators

    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
