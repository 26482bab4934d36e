"""What the checks share: sentences, gradients, parts made small and shaken, and a clean scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pyro
import torch
from torch import Tensor, nn

from ..inference import seeded
from ..parts import Unbuilt, build

Module = TypeVar("Module", bound=nn.Module)

K = 3  # unlike every D and B that the checks use, so that no axis can stand for another


def require(holds: object, sentence: str) -> None:
    """Refuse a part that breaks a law.

    Raises:
        AssertionError: with the sentence, which says what is wrong and by how much.

    Example:
        >>> require(1 + 1 == 3, "1 + 1 is 2, not 3")
        Traceback (most recent call last):
        AssertionError: 1 + 1 is 2, not 3
    """
    if not bool(holds):
        raise AssertionError(sentence)


def require_equal(part: object, law: str, found: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Refuse a part whose tensor is not what a law says.

    Args:
        part: the part, for the sentence.
        law: the law as a clause, such as ``"its mean is that of its density"``.
        found: what the part gives.
        wanted: what the law gives, of a shape that broadcasts to that of ``found``.
        tolerance: the largest difference that is let pass.

    Raises:
        AssertionError: names the law and the largest difference.
    """
    found, wanted = torch.broadcast_tensors(found.detach(), wanted.detach().to(found.dtype))
    gap = (found - wanted).abs()
    gap = torch.where(found == wanted, torch.zeros_like(gap), gap).flatten()  # equal infinities
    if not gap.numel():
        return
    worst = int(gap.nan_to_num(nan=torch.inf).argmax())
    require(
        bool((gap <= tolerance).all()),
        f"{part!r} breaks a law: {law}. It gives {found.flatten()[worst].item():.6g} where "
        f"{wanted.flatten()[worst].item():.6g} is right, off by {gap[worst].item():.3g}",
    )


def require_finite(part: object, law: str, values: Iterable[Tensor]) -> None:
    """Refuse a part that gives NaN or infinity.

    Raises:
        AssertionError: names the law, and how many values are wrong.
    """
    bad = sum(int((~value.isfinite()).sum()) for value in values)
    require(bad == 0, f"{part!r} breaks a law: {law}. {bad} value(s) are NaN or infinite")


def trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """All parameters that are trained."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]


def gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradient for each parameter, zero for those the loss doesn't depend on."""
    if not loss.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]


def largest(tensors: Iterable[Tensor]) -> float:
    """The largest absolute entry."""
    return max((each.detach().abs().max().item() for each in tensors if each.numel()), default=0.0)


def require_equal_gradients(
    part: object,
    law: str,
    found: Tensor,
    wanted: Tensor,
    parameters: Sequence[Tensor],
    tolerance: float,
) -> None:
    """Refuse a part where two numbers, or their derivatives, are not the same.

    Raises:
        AssertionError: names the law and the largest difference.
    """
    require_equal(part, law, found, wanted, tolerance)
    for one, other in zip(gradients(found, parameters), gradients(wanted, parameters), strict=True):
        require_equal(part, f"{law}, in every derivative", one, other, tolerance)


def assert_equal_in_value_and_gradient(
    one: Tensor, other: Tensor, parameters: Sequence[Tensor], tolerance: float
) -> None:
    """Both numbers and all their derivatives agree, and the derivatives aren't all zero.

    Raises:
        AssertionError: they do not.
    """
    torch.testing.assert_close(one, other, rtol=0, atol=tolerance)
    ours, theirs = gradients(one, parameters), gradients(other, parameters)
    require(largest(theirs) > 1e-3, "all derivatives are zero: nothing is compared")
    for mine, yours in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, yours, rtol=0, atol=tolerance)


def shaken(module: Module, by: float = 0.2) -> Module:
    """The module in double precision, its parameters moved away from every symmetry."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            # Sums of many terms are shaken no more than sums of a few.
            wide = parameter.shape[-1] if parameter.dim() > 1 else 1
            parameter.add_(torch.randn_like(parameter), alpha=by * min(1.0, (8 / wide) ** 0.5))
    return module


def make(factory: Unbuilt, base: type[Module], *sizes: Any) -> Module:
    """A part, made as estimators make it, in float64 and with parameters off every symmetry.

    Raises:
        TypeError: the factory takes other arguments or makes another thing.
    """
    return shaken(build("factory", factory, base, *sizes))


@contextmanager
def clean_scope() -> Iterator[None]:
    """Seeded and checked by Pyro; generators and Pyro's parameter store are left as found."""
    store, checked = pyro.get_param_store(), pyro.validation_enabled(True)
    with seeded(0, "testing"), store.scope(), checked:
        yield


def require_state(part: nn.Module, other: nn.Module, look: Callable[[Any], Tensor]) -> None:
    """Refuse a part whose weights do not say all that it is.

    Args:
        part: the part.
        other: one of the same factory, made anew.
        look: something that the part computes.

    Raises:
        AssertionError: a part made anew that loads the weights computes other bits.
    """
    with torch.no_grad():
        before = look(part)
        other.load_state_dict(part.state_dict())
        after = look(other)
    require_equal(
        part,
        "saved and loaded it is the same to the last bit, so all that it draws or learns must be "
        "a parameter or a buffer",
        after,
        before,
        0.0,
    )
