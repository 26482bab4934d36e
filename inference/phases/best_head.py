"""The start from the most informative head of a two-view pretraining."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...guides import Guide
from ...models import MixturePrior, MixtureVAE
from ..training import Rows
from .phase import Phase
from .start import Features, Start
from .two_view import InformationPretraining, TwoView

TWO_VIEWS_NEEDED = "BestHead needs pretraining=TwoView(): use that, or another start"


@dataclass(frozen=True, repr=False)
class BestHead(Start):
    """The most informative head of :class:`TwoView`, and the prior where its clusters are.

    No labels are looked at. Where the guide has a network of q(c | x), it becomes that head.

    Raises:
        ValueError: in the fit, another pretraining.
    """

    on = "code"

    def check_pretraining(self, pretraining: Phase | None) -> None:
        """Refuse any but :class:`TwoView`."""
        if not isinstance(pretraining, TwoView):
            raise ValueError(TWO_VIEWS_NEEDED)

    def groups(self, features: Features, n_clusters: int, seed: int) -> Features:
        """Not from features: the heads themselves say.

        Raises:
            ValueError: always.
        """
        raise ValueError(TWO_VIEWS_NEEDED)

    def find_all(
        self,
        model: MixtureVAE,
        guide: Guide,
        x: Tensor | Rows,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Those of the best head of the one clustering, which sees the companions of x as well."""
        mixture, nothing = model.prior.mixtures[0], torch.empty(0)
        gamma, row = self.find(x, mixture, nothing, seed=seed, pretrained=pretrained)
        return {mixture.site("c"): torch.as_tensor(gamma).to(mixture.logits)}, row

    def find(
        self,
        x: Tensor | Rows,
        mixture: MixturePrior,
        code: Tensor,
        *,
        seed: int = 0,
        pretrained: nn.Module | None = None,
    ) -> tuple[Features, dict[str, float]]:
        """The clusters of the best head, which becomes the guide's own.

        Returns:
            Its responsibilities, ``(N, K)``; the number of the head and the information of each in
            nats, for the history.
        """
        if not isinstance(pretrained, InformationPretraining):
            raise ValueError(TWO_VIEWS_NEEDED)
        best, found = pretrained.select(x, seed)
        gamma = pretrained.groups(x, best)
        row = {"head": best, **{f"information_{i}": value for i, value in enumerate(found)}}
        return gamma.cpu().double().numpy(), row
