"""Odd run folders: refused in a line, or a model that answers; nothing in them is executed."""

from __future__ import annotations

import json
import os
import shutil
import struct
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from pyromix.cli import app
from pyromix.estimators import load

from .arguments import small
from .judging import SilentChange, World, wicked_pickle
from .tables import damaged

X = np.random.RandomState(0).rand(24, 4)
FILES = ["config.json", "weights.safetensors", "labels.csv", "history.csv", "metrics.json"]
KINDS = ["vade", "gmvae", "dhvc", "mfcvae", "gammm-vae"]
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 5),
        st.sampled_from([2**31, 10**30, 1e308, float("nan"), float("inf"), -1]),
        st.text(max_size=5),
        st.sampled_from(["auto", "vade", "GaussianMixture", "os.system", "builtins.eval",
                         "__import__('os').system('true')", "../..", "/dev/zero"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
        st.builds(lambda name, a: {"part": name, "arguments": a}, st.text(max_size=8), inner),
        st.builds(lambda a: {"object": "GaussianMixtureStart", "arguments": a}, inner),
    ),
    max_leaves=6,
)  # fmt: skip


@cache
def finished(name: str) -> Path:
    """A run of an estimator, with data and labels beside it."""
    path = Path(mkdtemp(prefix="pyromix-fuzz-")) / name
    small(name).set_params(start=None, pretraining=None).fit(X).save(path)
    (path / "metrics.json").write_text("{}\n")
    return path


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a JSON document."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(way for key, each in inner for way in places(each, (*path, key)))]


def change_config(world: World, draw: Any, run: Path) -> None:
    """Another value somewhere in it, or another text."""
    path = run / "config.json"
    how = draw(st.sampled_from(["value", "value", "value", "gone", "more", "bytes", "cut", "text"]))
    content = json.loads(path.read_text())
    ways = places(content)[1:]
    way = draw(st.sampled_from(ways))
    inner = content
    for key in way[:-1]:
        inner = inner[key]
    if how == "value":
        inner[way[-1]] = draw(JSON)
    elif how == "gone":
        del inner[way[-1]]
    elif how == "more" and isinstance(inner, dict):
        inner[draw(st.text(max_size=4))] = draw(JSON)
    path.write_text(json.dumps(content))
    if how == "bytes":
        path.write_bytes(damaged(draw, path.read_bytes()))
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: draw(st.integers(0, 200))])
    elif how == "text":
        text = draw(st.sampled_from(["", "[]", "null", "3", "{", "[" * 10**5, '{"a":' * 900, "NaN",
                                     '{"format": "pyromix-run"}', "\ufeff{}"]))  # fmt: skip
        path.write_text(text)


def change_weights(world: World, draw: Any, run: Path) -> None:
    """Other tensors, or a file that is none."""
    path = run / "weights.safetensors"
    tensors = dict(load_file(path))
    name = draw(st.sampled_from(sorted(tensors)))
    how = draw(st.sampled_from(["nan", "type", "shape", "gone", "more", "cut", "header", "pickle"]))
    if how == "nan":
        tensors[name] = np.full_like(tensors[name], draw(st.sampled_from([np.nan, np.inf])))
    elif how == "type":
        kinds = ["i1", "i8", "f8", "f2", "?", "u1"]
        tensors[name] = tensors[name].astype(draw(st.sampled_from(kinds)))
    elif how == "shape":
        tensors[name] = np.repeat(np.atleast_1d(tensors[name]), 2, 0)
    elif how == "gone":
        del tensors[name]
    elif how == "more":
        tensors["model.more"] = np.zeros(3, np.float32)
    save_file(tensors, path)
    raw = path.read_bytes()
    if how == "cut":
        path.write_bytes(raw[: draw(st.integers(0, len(raw)))])
    elif how == "header":
        size = draw(st.sampled_from([0, 2**63, 10**9, 7]))
        path.write_bytes(struct.pack("<Q", size) + raw[8:])
    elif how == "pickle":
        torch.save({"x": world.wicked()}, path)


def change_other(world: World, draw: Any, run: Path) -> None:
    """Another of its files is damaged, of another kind, or one too many."""
    path = run / draw(st.sampled_from([*FILES, "checkpoint.pt", "feature_names.txt"]))
    how = draw(st.sampled_from(["bytes", "pipe", "folder", "zero", "outside", "gone", "pickle",
                                "empty", "loop"]))  # fmt: skip
    raw = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    if how == "bytes":
        path.write_bytes(damaged(draw, raw or b"checkpoint"))
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "zero":
        path.symlink_to("/dev/zero")
    elif how == "outside":
        path.symlink_to("/etc/passwd")
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "pickle":
        path.write_bytes(wicked_pickle(world))
    elif how == "empty":
        path.touch()


def odd_runs(world: World, draw: Any) -> None:
    """A run that someone has changed is loaded, evaluated, drawn from or resumed."""
    whole = finished(draw(st.sampled_from(KINDS)))
    run = world.case / "run"
    shutil.copytree(whole, run)
    change = draw(st.sampled_from([change_config, change_config, change_weights, change_other]))
    change(world, draw, run)
    before = seen(run)
    world.kept = [world.case / "beside.txt"]
    for path in (world.case / "beside.txt", world.case / "beside.copy"):
        path.write_text("mine")
    ask = draw(st.sampled_from(["load", "load", "load", "sample", "evaluate", "resume"]))
    try:
        if ask == "load":
            answered(load(run))
        else:
            commanded(world, ask, run)
    finally:
        if ask != "resume" and seen(run) != before:
            raise SilentChange(f"{ask} has changed the run")


def seen(folder: Path) -> dict[str, Any]:
    """What stands in a folder: the bytes of plain files, and the kind of others."""
    return {
        path.name: path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else path.lstat().st_mode
        for path in sorted(folder.iterdir())
        if not path.name.startswith("samples")
    }


def answered(made: Any) -> None:
    """What was loaded answers with numbers, of as many features as it says."""
    shape = made.model_.likelihood.event_shape
    rows = np.random.RandomState(1).rand(5, *shape)
    for each in (
        made.predict_proba(rows)
        if isinstance(made.predict_proba(rows), list)
        else [made.predict_proba(rows)]
    ):
        if not np.isfinite(each).all() or len(each) != 5:
            raise SilentChange("a changed run gives what are no probabilities")


def commanded(world: World, ask: str, run: Path) -> None:
    """A command on it ends well, or with one line on stderr."""
    data = world.case / "data.npy"
    np.save(data, X)
    words = {
        "sample": ["sample", str(run), "-n", "2", "--out", str(world.case / "draws.npz")],
        "evaluate": ["evaluate", str(run), str(data), "--num-samples", "2"],
        "resume": ["fit", "--resume", str(run)],
    }[ask]
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [line for line in result.stderr.splitlines() if not line.startswith("warning")]
    if result.exit_code not in (0, 2) or (result.exit_code == 2 and len(lines) != 1):
        raise RuntimeError(f"exit {result.exit_code} and {len(lines)} lines: {result.stderr[:300]}")
