"""Columns of a table: what they are found to be, numbers and back, and what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pyromix.data import Schema, as_frame, schema_of

TABLE = pd.DataFrame(
    {
        "age": [22.0, np.nan, 40.5, 9.0],
        "visits": [0, 3, 2, 7],
        "gaps": [0.0, np.nan, 5.0, 3.0],
        "ok": [True, False, True, True],
        "maybe": pd.array([True, None, False, True], dtype="boolean"),
        "objects": [True, None, False, False],
        "colour": ["blue", "red", None, "blue"],
        "size": pd.Categorical(
            ["low", "high", "low", None], ["low", "middle", "high"], ordered=True
        ),
        "bytes": np.array([1, 5, 100, 0], np.uint8),
        "year": [1990, 1991, 1999, 2005],
        "few": pd.array([1, None, 3, 2], dtype="Int32"),
        "switch": [0, 1, 1, 0],
        "text": pd.array(["x", None, "y", "x"], dtype="string"),
        "short": np.array([1, 2, 3, 4.5], np.float32),
    }
)
KINDS = {
    "age": "real",
    "visits": "count",
    "gaps": "count",
    "ok": "binary",
    "maybe": "binary",
    "objects": "binary",
    "colour": "category",
    "size": "category",
    "bytes": "count",
    "year": "real",
    "few": "count",
    "switch": "binary",
    "text": "category",
    "short": "real",
}


def test_columns_are_found_to_be_what_they_are() -> None:
    schema = schema_of(TABLE)
    assert {column.name: column.kind for column in schema.columns} == KINDS
    assert schema.columns[7].categories == ("low", "middle", "high")
    assert "colour: category of 2 (blue, red), categorical, " in repr(schema)
    assert schema.table().loc["age", "missing"] == 1


def test_a_table_comes_back_as_it_was_with_gaps_types_and_row_names() -> None:
    frame = TABLE.set_axis(list("wxyz"))
    schema = schema_of(frame)
    codes = schema.encode(frame[frame.columns[::-1]])
    assert codes.shape == (4, 14)
    assert codes[:, 7].tolist()[:3] == [0.0, 2.0, 0.0]
    assert np.isnan(codes).sum() == frame.isna().sum().sum()
    pd.testing.assert_frame_equal(schema.decode(codes, frame.index), frame)


def test_numbers_that_a_type_cannot_hold_are_rounded_and_kept_within() -> None:
    schema = schema_of(TABLE[["visits", "bytes", "ok", "switch", "colour"]])
    back = schema.decode(np.array([[1.6, 999.0, 0.7, 0.2, 1.0], [np.nan] * 5]))
    assert back.iloc[0].tolist() == [2, 255, True, 0, "red"]
    assert back.isna().iloc[1].all()
    types = ["Int64", "UInt8", "boolean", "Int64", str(TABLE["colour"].dtype)]
    assert [str(dtype) for dtype in back.dtypes] == types


def test_a_schema_is_json_and_back() -> None:
    schema = schema_of(TABLE, {"visits": "categorical"})
    assert Schema.restore(json.loads(json.dumps(schema.describe()))) == schema
    for wrong in ([], [{"name": "a"}], "x", [{**schema.describe()[0], "law": "nope"}]):
        with pytest.raises(ValueError, match="no columns of a table"):
            Schema.restore(wrong)


def test_a_law_that_is_asked_for_decides() -> None:
    frame = pd.DataFrame({"a": [1, 5, 3, 1], "b": ["yes", "no", "no", "yes"]})
    schema = schema_of(frame, {"a": "categorical", "b": "bernoulli"})
    assert [column.categories for column in schema.columns] == [(1, 3, 5), ("no", "yes")]
    assert schema.encode(frame).tolist()[:2] == [[0.0, 1.0], [2.0, 0.0]]
    pd.testing.assert_frame_equal(schema.decode(schema.encode(frame)), frame)


def test_arrow_tables_are_read_as_they_are() -> None:
    frame = as_frame(pa.table({"a": [1, 2], "b": pa.array(["x", "y"]).dictionary_encode()}))
    assert frame is not None
    assert [column.kind for column in schema_of(frame).columns] == ["count", "category"]


@pytest.mark.parametrize(
    ("values", "law", "message"),
    [
        (["x", 1], None, "'a' holds 1 in row 1, and is mixed-integer"),
        ([None, None], None, "'a' has no value in any row: drop it"),
        (pd.to_datetime(["2020-01-01"]), None, "datetime64 in all: make numbers of it"),
        ([1j], None, "'a' holds 1j in row 0"),
        ([[1]], None, r"'a' holds \[1\] in row 0"),
        ([0.5, np.inf], None, "'a' holds inf in row 1"),
        ([str(i) for i in range(50)], None, "50 different values in 50 rows"),
        (["1.5", "2.5", "?"], None, r"'a' holds '\?' in row 2 among numbers"),
        (["x"], "normal", "'a' holds 'x' in row 0, which is no number"),
        ([1.0, 0.5], "poisson", "'a' holds 0.5 in row 1, and its law 'poisson' is of a count"),
        ([1, -2], "negative-binomial", "'a' holds -2 in row 1"),
        ([1.0, 0.0], "log-normal", "'a' holds 0 in row 1, and its law 'log-normal'"),
        ([1, 2, 3], "bernoulli", "'a' holds 3 values"),
        ([1], "gauss", "law of 'a' is 'gauss': use one of normal"),
        (pd.Categorical(pd.to_datetime(["2020-01-01"])), None, "make them text"),
    ],
)
def test_columns_of_no_kind_are_refused(values: Any, law: str | None, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        schema_of(pd.DataFrame({"a": values}), None if law is None else {"a": law})


def test_other_columns_and_unseen_categories_are_refused_by_name() -> None:
    schema = schema_of(TABLE)
    with pytest.raises(ValueError, match=re.escape("no column 'age', 'year', which fit has seen")):
        schema.encode(TABLE.drop(columns=["age", "year"]))
    with pytest.raises(ValueError, match="the column 'more', which fit has not seen"):
        schema.encode(TABLE.assign(more=1))
    strange = TABLE.assign(colour=["blue", "green", "red", "teal"])
    with pytest.raises(ValueError, match=r"'colour' holds 'green' in row 1.*knows 'blue', 'red'"):
        schema.encode(strange)
    codes = schema.encode(strange, unseen="missing")[:, 6]
    assert np.isnan(codes).tolist() == [False, True, False, True]
    with pytest.raises(TypeError, match="'age' holds 'old' in row 2, which is no number"):
        schema.encode(TABLE.assign(age=[1.0, 2.0, "old", np.nan]))


def test_tables_without_names_or_rows_are_refused() -> None:
    with pytest.raises(TypeError, match="a column named 1: names are text"):
        schema_of(pd.DataFrame({1: ["a"]}))
    with pytest.raises(ValueError, match="2 columns 'a': rename one"):
        schema_of(pd.DataFrame([["x", "y"]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="X has 0 rows"):
        schema_of(TABLE.iloc[:0])
    with pytest.raises(ValueError, match="did you mean 'age'"):
        schema_of(TABLE, {"agee": "normal"})
