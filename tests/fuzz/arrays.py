"""Odd data for fits and answers: refused in a line, or read as what they are."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from scipy import sparse

from pyromix.estimators import DeepMixture

from .arguments import check_fit, small
from .judging import SilentChange, World, rows_in

DTYPES = "?bBhHiIlLefdFDSUOmM"
T = torch.linspace(0.0, 1.0, 32).reshape(8, 4)
METHODS = (
    "predict", "predict_proba", "transform", "reconstruct", "score_samples", "score",
    "posterior_predictive", "to_arviz", "inverse_transform", "fit_predict",
)  # fmt: skip


@cache
def fitted() -> DeepMixture:
    """An estimator of four features."""
    return small("vade").set_params(start=None).fit(np.random.RandomState(0).rand(24, 4))


def content(world: World, draw: Any) -> Any:
    """An array of any type and shape, or something that is none."""
    kind = draw(st.sampled_from(["usual", "usual", "any", "any", "edges", "objects", "else"]))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    n, width = draw(st.sampled_from([0, 1, 2, 3, 8, 24])), draw(st.sampled_from([0, 1, 3, 4, 5]))
    if kind == "usual":
        table = rng.random((n, width)) * draw(st.sampled_from([1, 1e6, 1e-6, 1e200, 1e-200, 255]))
        return table + draw(st.sampled_from([0, 1e6, -1e12, 3]))
    if kind == "any":
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        shape = draw(arrays_of.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6))
        return (100 * rng.random(shape)).astype("i8").astype(dtype)
    if kind == "edges":
        table = rng.random((max(n, 1), max(width, 1)))
        place = int(rng.integers(len(table))), int(rng.integers(table.shape[1]))
        table[place] = draw(
            st.sampled_from([np.nan, np.inf, -np.inf, 1e39, -1e39, 1e-300, 1e308, -0.0])
        )
        if draw(st.booleans()):
            table[:, 0] = draw(st.sampled_from([0.0, 1e30, -5.0, np.nan]))
        return np.repeat(table[:1], len(table), 0) if draw(st.booleans()) else table
    if kind == "objects":
        table = rng.random((max(n, 1), 4)).astype(object)
        table[0, 0] = draw(
            st.sampled_from([None, "1.5", "red", 1j, [], {}, 10**400, pd.NA, b"1", world.wicked()])
        )
        return table
    return draw(
        st.sampled_from(
            [None, 3, 3.5, "data.csv", b"", {}, [], [[]], [[1, 2], [3]], [1, 2, 3], {1, 2},
             iter([[1.0]]), range(5), object(), np.ma.masked, [[None, 1.0]], [["a", "b"]] * 4,
             np.zeros((3, 3, 3, 3, 3)), np.recarray((4,), dtype=[("a", "f8"), ("b", "f8")]),
             sparse.csr_array(np.eye(4)), sparse.coo_matrix(np.eye(4)), T,
             T.clone().requires_grad_(), T.to(torch.bfloat16),
             pd.DataFrame(np.eye(4), columns=list("abca")), pd.DataFrame({"a": ["x", "y"] * 4}),
             pd.DataFrame({"a": pd.Categorical(["x", "y"] * 4), "b": range(8)}), pd.Series([1.0]),
             pd.DataFrame({0: [1.0] * 8, "b": range(8)}), np.matrix(np.eye(4)), lambda: 3]
        )
    )  # fmt: skip


def dressed(world: World, draw: Any, found: Any) -> Any:
    """The same in another container, order or memory."""
    if not isinstance(found, np.ndarray):
        return found
    dress = draw(st.sampled_from(["", "", "list", "frame", "torch", "ma", "fortran", "read-only",
                                  "strided", "mapped", "big-endian"]))  # fmt: skip
    if dress == "list":
        return found.tolist()
    if dress == "frame" and found.ndim == 2:
        try:
            return pd.DataFrame(found, columns=[f"c{i}" for i in range(found.shape[1])])
        except OverflowError:  # pandas itself has no room for such whole numbers
            return found
    if dress == "torch" and found.dtype.kind in "biuf" and found.dtype.name not in ("uint16",):
        return torch.as_tensor(np.ascontiguousarray(found).astype(found.dtype.newbyteorder("=")))
    if dress == "ma" and found.dtype.kind in "biuf" and found.ndim:
        return np.ma.masked_greater(found, draw(st.sampled_from([0.5, 1e300])))
    if dress == "fortran":
        return np.asfortranarray(found)
    if dress == "read-only":
        found.setflags(write=False)
    if dress == "strided" and found.ndim:
        return np.repeat(found, 2, 0)[::2]
    if dress == "mapped" and found.size and not found.dtype.hasobject and found.ndim:
        np.save(world.case / "mapped.npy", found)
        return np.load(world.case / "mapped.npy", mmap_mode="r")
    if dress == "big-endian" and found.dtype.kind in "iuf":
        return found.astype(found.dtype.newbyteorder(">"))
    return found


def labels(draw: Any, n: int) -> Any:
    """What may come as y."""
    return draw(
        st.one_of(
            st.none(),
            st.lists(st.sampled_from([0, 1, 2, -1]), min_size=n, max_size=n),
            st.lists(st.sampled_from([0.0, 1.0, np.nan, 0.5, 7.0]), min_size=n, max_size=n),
            st.sampled_from(["abc", 3, [], [0], ["a"] * n, np.eye(max(n, 1), 3), np.ones((n, 3)),
                             np.full((n, 2), -1), np.zeros(n, bool), {}, [[0]] * n, object()]),
        )
    )  # fmt: skip


def odd_arrays(world: World, draw: Any) -> None:
    """Data that are odd, as they are given to a fit or to an answer."""
    X = dressed(world, draw, content(world, draw))
    before = copied(X)
    if draw(st.booleans()):
        method = draw(st.sampled_from(METHODS[:-1]))
        ask(fitted(), method, X)
    else:
        made = small(draw(st.sampled_from(["vade", "vade", "gmvae", "dhvc", "mfcvae"])))
        made.set_params(start=None, pretraining=None)
        made.set_params(
            likelihood=draw(st.sampled_from(["auto", "auto", "normal", "poisson", "bernoulli"])),
            standardise=draw(st.sampled_from(["auto", "auto", True, False])),
            precision=draw(st.sampled_from(["32-true", "64-true"])),
        )
        y = labels(draw, len(X) if isinstance(X, np.ndarray) and X.ndim else 8)
        told = copied(y)
        made.fit(X, y)
        same(told, y, "y")
        check_fit(made, X)
        check_read(made, X)
    same(before, X, "X")


def ask(made: DeepMixture, method: str, X: Any) -> None:
    """An answer, which is of as many rows as were asked about and holds numbers alone."""
    answer = getattr(made, method)(X)
    if method == "to_arviz":
        return
    array = np.asarray(answer)
    if not np.isfinite(array).all():
        raise SilentChange(f"{method} gives what is no number")
    if method != "score" and rows_in(X) not in array.shape[:2]:
        raise SilentChange(f"{method} of {rows_in(X)} rows gives {array.shape}")


def check_read(made: DeepMixture, X: Any) -> None:
    """What was fitted are the numbers that came."""
    detached = X.detach() if isinstance(X, torch.Tensor) else X
    wide = detached.float() if isinstance(detached, torch.Tensor) else detached
    came = np.asarray(wide)
    if came.dtype.hasobject:
        came = np.vectorize(lambda v: np.nan if v is None or v is pd.NA else float(v))(came)
    if came.dtype.kind not in "biuf" and not isinstance(X, pd.DataFrame | list):
        raise SilentChange(f"{came.dtype} was read as numbers")
    seen = np.asarray(made._check(X))
    if seen.shape != came.shape or not np.allclose(
        seen.astype(float), came.astype(float), rtol=1e-6, atol=1e-37, equal_nan=True
    ):
        raise SilentChange(f"{came.shape} of {came.dtype} is read as {seen.shape} of other numbers")


def copied(value: Any) -> Any:
    """A copy to compare with; nothing of what cannot be copied."""
    if isinstance(value, np.ndarray):
        return None if value.dtype.hasobject else value.copy()
    return copy.deepcopy(value) if isinstance(value, pd.DataFrame | torch.Tensor) else None


def same(before: Any, now: Any, name: str) -> None:
    """Refuse data that a fit or an answer has changed."""
    for each, other in ((before, now),):
        if isinstance(each, np.ndarray) and not each.dtype.hasobject:
            alike = each.tobytes() == other.tobytes()
        elif isinstance(each, pd.DataFrame):
            alike = each.equals(other) and list(each.columns) == list(other.columns)
        elif isinstance(each, torch.Tensor):
            alike = each.detach().numpy(force=True).tobytes() == other.detach().numpy().tobytes()
        else:
            continue
        if not alike:
            raise SilentChange(f"{name} is changed in place")
