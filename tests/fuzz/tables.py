"""Odd files of data: refused in a line, or read as what was written into them."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from pyromix.data import Dataset, load

from .judging import SilentChange, World, wicked_pickle

NAMES = ["a", "b", "height, cm", "Größe", "x 1", "id", "class", "Label", " y", "target", "1st",
         "nan", "índice", "d", "e", "value", "flower"]  # fmt: skip
DIALECTS = [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")]
ENDINGS = [".csv", ".csv", ".csv", ".tsv", ".csv.gz", ".CSV", ".txt"]
TOKENS = ["", "NA", "nan", "?", "-", "null", "1e400", "inf", "0x1f", "1,234", "12.5%", "$3", "red",
          "TRUE", "2020-01-01", "1_000", " 7 ", '"', "'", "=1+1", "١", "1e5", "--3"]  # fmt: skip


def truth(draw: Any) -> pd.DataFrame:
    """A table of numbers of which no two are alike."""
    n, width = draw(st.integers(2, 12)), draw(st.integers(1, 5))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=width, max_size=width, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    table = pd.DataFrame(
        (rng.permutation(n * width).reshape(n, width) + 1) / draw(st.sampled_from([1, 4, 8])),
        columns=names,
    )
    for name in names:
        if name.strip().casefold() in ("class", "label", "y", "target"):
            table[name] = rng.integers(0, 3, n)
    return table


def written(world: World, draw: Any, table: pd.DataFrame) -> tuple[Path, bool]:
    """A file of text, and whether it was spoilt on purpose."""
    sep, decimal = draw(st.sampled_from(DIALECTS))
    index = draw(st.sampled_from([False, False, True]))
    header = draw(st.sampled_from([True, True, True, False]))
    text = table.to_csv(sep=sep, decimal=decimal, index=index, header=header, float_format="%.6g")
    lines, spoilt = text.splitlines(), False
    how = draw(
        st.sampled_from(
            ["", "", "", "short header", "trailing", "token", "blank lines", "ragged", "truncated",
             "bytes", "twice", "comment", "spaces", "crlf", "bom", "utf-16", "latin-1", "quoted"]
        )
    )  # fmt: skip
    if how == "short header" and header:
        lines[0], spoilt = lines[0].rpartition(sep)[0], True
    elif how == "trailing":
        lines = [line + sep for line in lines]
    elif how == "token":
        row, column = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, table.shape[1] - 1))
        fields = lines[row].split(sep)
        fields[min(column, len(fields) - 1)] = draw(st.sampled_from(TOKENS))
        lines[row], spoilt = sep.join(fields), True
    elif how == "blank lines":
        lines.insert(draw(st.integers(0, len(lines))), "")
    elif how == "ragged":
        row = draw(st.integers(0, len(lines) - 1))
        lines[row], spoilt = lines[row] + sep + "9", True
    elif how == "twice":
        lines, spoilt = lines + lines[:1], True
    elif how == "comment":
        lines, spoilt = ["# a table of mine", *lines], True
    elif how == "spaces":
        lines = [line.replace(sep, sep + " ") for line in lines]
    elif how == "quoted":
        lines = [sep.join(f'"{each}"' for each in line.split(sep)) for line in lines]
    raw = ("\r\n" if how == "crlf" else "\n").join(lines).encode() + b"\n" * draw(st.booleans())
    if how == "bom":
        raw = b"\xef\xbb\xbf" + raw
    elif how in ("utf-16", "latin-1"):
        raw = raw.decode().encode(how, errors="replace")
        spoilt = how == "utf-16" or not raw.isascii()
    elif how == "truncated":
        raw, spoilt = raw[: draw(st.integers(0, len(raw)))], True
    elif how == "bytes":
        raw, spoilt = damaged(draw, raw), True
    ending = draw(st.sampled_from(ENDINGS))
    path = world.case / f"table{ending}"
    path.write_bytes(gzip.compress(raw) if ending.endswith(".gz") else raw)
    return path, spoilt


def damaged(draw: Any, raw: bytes) -> bytes:
    """Some bytes are others."""
    found = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        if found:
            found[draw(st.integers(0, len(found) - 1))] = draw(st.integers(0, 255))
    return bytes(found)


def packed(world: World, draw: Any, table: pd.DataFrame) -> tuple[Path, bool]:
    """A file of arrays, and whether it was spoilt on purpose."""
    kind = draw(st.sampled_from(["npy", "npz", "parquet", "feather"]))
    path = world.case / f"table.{kind}"
    x = table.to_numpy()
    dtype = draw(
        st.sampled_from(["f8", "f4", "f2", "i8", "i1", "u1", "?", "c8", "O", "S3", "M8[D]"])
    )
    rank = draw(st.sampled_from([2, 2, 2, 1, 3, 4]))
    shaped = x.reshape(
        {1: (-1,), 2: x.shape, 3: (*x.shape, 1), 4: (len(x), 1, x.shape[1], 1)}[rank]
    )
    if kind == "npy":
        np.save(path, shaped.astype(dtype), allow_pickle=True)
    elif kind == "npz":
        arrays: dict[str, Any] = {draw(st.sampled_from(["x", "X", "data", "a"])): shaped}
        for name in draw(st.lists(st.sampled_from(["y", "label", "b", "class"]), unique=True)):
            arrays[name] = np.arange(draw(st.sampled_from([len(x), len(x), 0, 1]))) % 3
        np.savez(path, **arrays)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_feather(path)
    how = draw(st.sampled_from(["", "", "", "bytes", "truncated", "pickle", "header", "bomb"]))
    raw = path.read_bytes()
    if how == "bytes":
        raw = damaged(draw, raw)
    elif how == "truncated":
        raw = raw[: draw(st.integers(0, len(raw)))]
    elif how == "pickle":
        raw = wicked_npy(world) if draw(st.booleans()) else wicked_pickle(world)
    elif how == "header" and kind == "npy":
        raw = raw.replace(b"'shape': (", b"'shape': (9999999")
    elif how == "bomb" and kind == "npz":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("x.npy", wicked_npy(world))
        raw = held.getvalue()
    path.write_bytes(raw)
    return path, bool(how) or kind == "npy" or rank != 2 or kind == "npz"


def wicked_npy(world: World) -> bytes:
    """An .npy of objects, which NumPy would unpickle."""
    held = io.BytesIO()
    np.save(held, np.array([[world.wicked()]], dtype=object), allow_pickle=True)
    return held.getvalue()


def odd_tables(world: World, draw: Any) -> None:
    """A file is read, with or without a word on its columns."""
    table = truth(draw)
    path, spoilt = (packed if draw(st.integers(0, 3)) == 0 else written)(world, draw, table)
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    world.kept = [path]
    asked: dict[str, Any] = {}
    some = st.lists(st.sampled_from([*table.columns, "nowhere"]), max_size=3)
    if draw(st.integers(0, 3)) == 0:
        asked["label_column"] = draw(st.sampled_from([*table.columns, "nowhere", ""]))
    if draw(st.integers(0, 4)) == 0:
        asked[draw(st.sampled_from(["columns", "drop"]))] = tuple(draw(some))
    if draw(st.integers(0, 6)) == 0:
        asked["sep"] = draw(st.sampled_from([",", ";", "\t", "ab", ""]))
    found = load(str(path), **asked)
    if not np.isfinite(found.x[~np.isnan(found.x)]).all():
        raise SilentChange("infinite values are read")
    if not spoilt:
        check_columns(found, table)


def check_columns(found: Dataset, table: pd.DataFrame) -> None:
    """Each feature and label holds what was written under its name, and nothing is left unsaid."""
    if len(found) not in (len(table), len(table) + 1):
        raise SilentChange(f"{len(table)} rows are read as {len(found)}")
    names = [str(name).strip() for name in table.columns]
    for number, name in enumerate(found.columns):
        if name in names:
            column = table.iloc[:, names.index(name)].to_numpy()
            if not np.allclose(found.x[-len(column) :, number], column, rtol=1e-5):
                raise SilentChange(f"column {name!r} holds other numbers")
    told = {*found.columns, *found.label_names, *map(str, found.ignored)}
    if found.columns and set(found.columns) & set(names) and not set(names) <= told:
        raise SilentChange(f"{set(names) - told} are left out and not told of")
