"""The uniform law on the sphere of any dimension."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.kl import register_kl
from torch.nn import functional as F

from .batch import Shape, insert_batch_dim
from .cross_entropy import register_cross_entropy
from .spherical import SphericalFamily, log_area


class SphericalUniform(TorchDistribution):
    r"""The uniform law on the sphere :math:`S^{D-1}`.

    .. math:: p(z) = \Gamma(D/2) / (2 \pi^{D/2})

    Args:
        dim: D ≥ 2, the number of components of a draw.
        batch_shape: the batch shape of independent draws.
        dtype: of the draws; torch's default if None.
        device: of the draws; torch's default if None.

    Raises:
        ValueError: ``dim`` is below 2.

    Example:
        >>> SphericalUniform(3).log_prob(torch.tensor([0.0, 0.6, 0.8]))  # -log 4π
        tensor(-2.5310)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.sphere
    has_rsample = True

    def __init__(
        self,
        dim: int,
        batch_shape: Shape = (),
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if dim < 2:
            raise ValueError(f"dim must be at least 2, got {dim}")
        self.log_area = torch.tensor(log_area(dim), dtype=dtype, device=device)
        super().__init__(torch.Size(batch_shape), torch.Size([dim]), validate_args=validate_args)

    def expand(self, batch_shape: Shape, _instance: Self | None = None) -> Self:
        new: Self = self._get_checked_instance(SphericalUniform, _instance)  # type: ignore[no-untyped-call]
        new.log_area = self.log_area
        TorchDistribution.__init__(
            new, torch.Size(batch_shape), self.event_shape, validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        return self.log_area.new_zeros(self._extended_shape())

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the logarithm of the sphere's area, in nats."""
        if self._validate_args:
            self._validate_sample(value)
        return -self.log_area.expand(torch.broadcast_shapes(value.shape[:-1], self.batch_shape))

    def entropy(self) -> Tensor:
        """The logarithm of the sphere's area, in nats."""
        return self.log_area.expand(self.batch_shape)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        noise = torch.randn(shape, dtype=self.log_area.dtype, device=self.log_area.device)
        return F.normalize(noise, dim=-1)


@register_kl(SphericalFamily, SphericalUniform)  # type: ignore[untyped-decorator]
def _kl(p: SphericalFamily, q: SphericalUniform) -> Tensor:
    return p._divergence(p.kappa(), p.dim).to(p.loc.dtype)


@register_cross_entropy(Distribution, SphericalUniform)
def _cross_entropy(q: Distribution, p: SphericalUniform) -> Tensor:
    if q.support is not constraints.sphere:
        raise NotImplementedError
    return p.log_area.expand(torch.broadcast_shapes(q.batch_shape, p.batch_shape))


@insert_batch_dim.register(SphericalUniform)
def _(distribution: SphericalUniform, position: int) -> SphericalUniform:
    shape = list(distribution.batch_shape)
    shape.insert(len(shape) - position, 1)
    return distribution.expand(torch.Size(shape))
