"""Tables of text as programs write them: read as they were meant, or refused; never shifted."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pyromix.data import Dataset, load_file

X = [[1.5, 2.5], [3.5, 4.25]]


def read(folder: Path, text: str, name: str = "t.csv", **options: Any) -> Dataset:
    """A table of that text."""
    (folder / name).write_text(text, encoding="utf-8")
    return load_file(folder / name, **options)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1.5,2.5\n3.5,4.25\n",
        "a;b\n1,5;2,5\n3,5;4,25\n",
        "a;b\n1.5;2.5\n3.5;4.25\n",
        "a\tb\n1,5\t2,5\n3,5\t4,25\n",
        "a|b\n1.5|2.5\n3.5|4.25\n",
        '"a","b"\n"1,5","2,5"\n"3,5","4,25"\n',
        " a , b\n 1.5, 2.5\n 3.5, 4.25\n",
        "\ufeffa,b\r\n1.5,2.5\r\n3.5,4.25\r\n",
        ",a,b\n7,1.5,2.5\n3,3.5,4.25\n",
        '"","a","b"\n"r1",1.5,2.5\n"r2",3.5,4.25\n',
        "a,b,\n1.5,2.5,\n3.5,4.25,\n",
    ],
)
def test_one_table_in_many_notations(tmp_path: Path, text: str) -> None:
    data = read(tmp_path, text)
    np.testing.assert_array_equal(data.x, X)
    assert data.columns == ("a", "b")
    assert data.labels is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n0,1.5,2.5\n1,3.5,4.5\n", "first line has 2 fields and the next 3"),
        ("a,b\n1.5,2.5,\n3.5,4.5,\n", "end no line with a separator"),
        ("a,b\n1,5,2,5\n3,5,4,5\n", "first line has 2 fields and the next 4"),
        ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,b\n" + 250 * "1,2\n" + "3,4,\n", "Expected 2 fields in line 252, saw 3"),
        ("a,b\n" + 250 * "1,2\n" + "3\n", "row 250 ends before column 'b'"),
        ("a;b\n1,5;2.5\n3,5;4.5\n", r"a comma \(1,5\) and with a point \(2.5\)"),
        ("a;b\n1,234;2\n2,345;4\n", "a decimal or thousands"),
        ("5.1,3.5,setosa\n5.0,3.4,virginica\n", "may be names or data"),
        ("0,1\n.5,.6\n", "may be names or data"),
        ("a,a\n1,2\n3,4\n", "2 columns 'a'"),
        (",a\n.5,1\n.7,2\n", "column 0 has no name"),
        ("\n\n", "no lines"),
    ],
)
def test_what_could_be_shifted_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_numbers_late_in_another_notation_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"'a' holds '1.5' in row 250 among numbers"):
        read(tmp_path, "a;b\n" + 250 * "1,5;2\n" + "1.5;2\n")


@pytest.mark.parametrize("name", ["y", "Label", " y", "class", "TARGET", "classes"])
def test_a_label_is_never_a_feature_unasked(tmp_path: Path, name: str) -> None:
    data = read(tmp_path, f"a,{name}\n1.5,1\n3.5,0\n")
    assert (data.columns, data.label_names) == (("a",), (name.strip(),))
    np.testing.assert_array_equal(data.labels, [1, 0])
    asked = read(tmp_path, f"a,{name}\n1.5,1\n3.5,0\n", columns=["a", name])
    assert asked.labels is None
    assert asked.x.shape == (2, 2)


def test_of_two_labels_one_is_to_be_named(tmp_path: Path) -> None:
    text = "a,y,class\n1.5,1,u\n3.5,0,v\n"
    with pytest.raises(ValueError, match=r"2 columns that may be the label \('y', 'class'\)"):
        read(tmp_path, text)
    data = read(tmp_path, text, label_column="class")
    assert data.columns == ("a",)
    assert data.told() == "features (1): a; label: class; ignored: 'y' (it looks like a label)"
    np.savez(tmp_path / "two.npz", x=np.eye(2), y=[0, 1], Label=[1, 1])
    with pytest.raises(ValueError, match="2 columns that may be the label"):
        load_file(tmp_path / "two.npz")


def test_columns_are_chosen_ordered_and_dropped(tmp_path: Path) -> None:
    text = "id,a,b,kind\n7,1.5,2.5,u\n9,3.5,4.25,v\n"
    data = read(tmp_path, text, columns=["b", "A"], label_column="kind")
    np.testing.assert_array_equal(data.x, np.asarray(X)[:, ::-1])
    assert data.columns == ("b", "a")
    assert "'id' (it is not asked for)" in data.told()
    dropped = read(tmp_path, text, drop=["id"], label_column="kind")
    assert dropped.told() == "features (2): a, b; label: kind; ignored: 'id' (dropped)"
    with pytest.raises(ValueError, match=r"--drop='ident' is not there.*id, a, b, kind"):
        read(tmp_path, text, drop=["ident"])
    with pytest.raises(ValueError, match="no column left"):
        read(tmp_path, "a,b\n1,2\n", drop=["a", "b"])
    with pytest.raises(ValueError, match="as a feature and as the label"):
        read(tmp_path, text, columns=["a", "kind"], label_column="kind")


@pytest.mark.parametrize(
    "column", [pd.Series([5, 3, 9], name="patient_id"), pd.Series(range(3, 15), name="n")]
)
def test_an_identifier_warns(tmp_path: Path, column: pd.Series) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": np.random.default_rng(0).random(len(column)), column.name: column}).to_csv(
        path, index=False
    )
    with pytest.warns(UserWarning, match=f"'{column.name}' looks like a number of the row.*--drop"):
        assert load_file(path).x.shape == (len(column), 2)
    assert load_file(path, drop=[str(column.name)]).columns == ("a",)


@pytest.mark.parametrize("name", ["t.tsv", "t.csv.gz", "t.tsv.gz", "t.feather"])
def test_other_endings(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(label=[0, 1])
    if name == "t.feather":
        frame.to_feather(tmp_path / name)
    else:
        frame.to_csv(tmp_path / name, sep="\t" if "tsv" in name else ",", index=False)
    data = load_file(tmp_path / name)
    np.testing.assert_array_equal(data.x, X)
    assert (data.name, data.columns, data.label_names) == ("t", ("a", "b"), ("label",))


def test_a_header_of_numpy_that_lies(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.zeros((4, 4)))
    raw = (tmp_path / "t.npy").read_bytes()
    for shape in (b"(4000000000000, 4)", b"(-4, 4)", b"(((((4)))", b"[4, 4]", b"(4, 400)"):
        lie = raw.replace(b"(4, 4), }" + b" " * (len(shape) - 6), shape + b", }")
        assert len(lie) == len(raw)
        (tmp_path / "t.npy").write_bytes(lie)
        with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
            archive.writestr("x.npy", lie)
        for name in ("t.npy", "t.npz"):
            with pytest.raises(ValueError, match=rf"{name}.*(cannot be read|is damaged)") as info:
                load_file(tmp_path / name)
            assert "\n" not in str(info.value)


def test_another_separator_than_the_ending_promises_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("0;2;4\n1;2;2.75\n2;1;3.5\n")
    with pytest.raises(ValueError, match=r"no line has '\\t', and ';' parts them all alike"):
        load_file(path)
    assert load_file(path, sep=";").x.shape == (3, 3)


def test_digits_that_float32_does_not_hold_are_kept_for_who_wants_them(tmp_path: Path) -> None:
    exact = np.array([[1.0, 2.5], [3.0, 4.0]])
    fine = exact + 1e-12
    for name, array, dtype in (("exact", exact, np.float32), ("fine", fine, np.float64)):
        np.save(tmp_path / f"{name}.npy", array)
        found = load_file(tmp_path / f"{name}.npy").x
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, array)
