"""Every bad input: one line with a remedy on stderr, exit code 2, nothing overwritten."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from .conftest import TINY, Invoke, contents


def refused(result: Any, *fragments: str) -> None:
    """The result is one line that holds the fragments, and exit code 2."""
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: bad files, and a folder that is no run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nan.csv").write_text("a,b\n1,2\n3,\n5,6\n")
    (tmp_path / "inf.csv").write_text("a,b\n1,2\n3,inf\n5,6\n")
    (tmp_path / "names.csv").write_text("a,b\n" + "".join(f"1.5,name {i}\n" for i in range(30)))
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text(json.dumps({"name": "something else"}))
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "flat.npy", np.zeros(5))
    np.save(tmp_path / "five.npy", np.random.default_rng(0).random((5, 3)))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["fit", "vad", "digits"], ["METHOD is 'vad': did you mean 'vade'?"]),
        (["fit", "vade", "digit"], ["unknown data set 'digit': did you mean 'digits'?"]),
        (["fit", "vade", "inf.csv"], ["not finite", "row 1, column 'b'", "drop or impute"]),
        (["fit", "vade", "names.csv"], ["'b' has 30 different values", "--drop leaves"]),
        (["fit", "vade", "one.csv", "-k", "1"], ["1 sample"]),
        (["fit", "vade", "broken.npy"], ["cannot be read"]),
        (["fit", "vade", "flat.npy"], ["shape (5,)", "a table (N, X)"]),
        (["fit", "vade", "missing.npy"], ["missing.npy does not exist"]),
        (["fit", "vade", "nan.csv", "--label-column", "c"], ["label_column='c' is not there"]),
        (["fit", "vade", "five.npy", "-k", "6"], ["n_clusters is 6 and X has 5 samples"]),
        (["fit", "vade", "five.npy", "-k", "two"], ["--n-clusters two", "by default it is 10"]),
        (["fit", "mfcvae", "five.npy", "-k", "2;2"], ["--n-clusters 2;2: ", "it is (25, 25)"]),
        (["fit", "mfcvae", "five.npy", "-k", "2,6"], ["n_clusters is (2, 6) and X has 5"]),
        (["fit", "mfcvae", "five.npy", "-k", "2,2", "--latent-dim", "2,2,2"], ["latent_dim is"]),
        (["fit", "vade", "five.npy", "-k", "2", "--batch-size", "0"], ["batch_size"]),
        (["fit", "vade", "five.npy", "-k", "2", "--device", "tpu"], ["device"]),
        (["fit", "vade", "five.npy", "--seed", "-1"], ["--seed is -1"]),
        (
            ["fit", "vade", "five.npy", "--set", "hidden_dims=3"],
            ["did you mean networks.hidden_dims?"],
        ),
        (
            ["fit", "vade", "five.npy", "--set", "networks.hidden_dims=a"],
            ["Perceptron takes (int"],
        ),
        (["fit", "vade", "five.npy", "--set", "objective=closed"], ["mean 'closed-form'?"]),
        (["fit", "vade", "five.npy", "-k", "2", "--set", "prior=style-mixture"], ["style_dim"]),
        (["fit", "vade", "five.npy", "-k", "2", "--set", "networks=strided"], ["give images"]),
        (["fit", "vade", "five.npy", "-k", "2", "--set", "start=best-head"], ["needs pretraining"]),
        (["fit", "vade", "five.npy", "-k", "2", "--set", "start=GroupsOf(3)"], ["clusterer is"]),
        (
            ["fit", "vade", "five.npy", "-k", "2", "--set", "start=GroupsOf(KMeansStart())"],
            ["clusterer is KMeansStart(on='code'): give an object with fit_predict"],
        ),
        (["fit", "vade", "five.npy", "-k", "2", "--set", "latent_dim=0"], ["latent_dim is 0"]),
        (["fit", "--resume", "foreign"], ["not written by pyromix"]),
        (["fit", "--resume", "empty"], ["no config.json"]),
        (["fit", "--resume", "nowhere"], ["no run folder nowhere"]),
        (["evaluate", "foreign", "digits"], ["not written by pyromix"]),
        (["evaluate", "nowhere", "digits"], ["no run folder nowhere"]),
        (["sample", "empty"], ["no config.json"]),
    ],
)
def test_bad_input(
    pyromix: Invoke, folder: Path, arguments: list[str], fragments: list[str]
) -> None:
    before = contents(folder)
    refused(pyromix(*arguments), *fragments)
    assert contents(folder) == before


def test_an_unusable_option_is_a_usage_error(pyromix: Invoke) -> None:
    for arguments in (["fit", "vade"], ["fit", "vade", "digits", "--sed", "1"], ["smaple", "x"]):
        result = pyromix(*arguments)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
    assert "Did you mean 'sample'?" in result.stderr


def test_no_network(pyromix: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.chdir(tmp_path)
    refused(pyromix("fit", "vade", "usps", "--root", tmp_path), "usps is not under", "network")
    assert contents(tmp_path) == {}


def test_an_existing_folder_is_left_alone(
    pyromix: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    default = tmp_path / "runs" / "vade-digits"
    default.mkdir(parents=True)
    (default / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    refused(pyromix("fit", "vade", "digits", *TINY), "vade-digits exists", "--out", "--resume")
    refused(pyromix("fit", "vade", "digits", "--out", default / "notes.txt", *TINY), "exists")
    assert contents(tmp_path) == before


def test_a_finished_run_is_not_resumed(pyromix: Invoke, finished: Path) -> None:
    before = contents(finished)
    refused(pyromix("fit", "--resume", finished), "is finished", "--out")
    assert contents(finished) == before


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_truncated_weights(pyromix: Invoke, copied: Path) -> None:
    weights = copied / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(pyromix("evaluate", copied, "digits"), "weights.safetensors is damaged")
    refused(pyromix("sample", copied), "weights.safetensors is damaged")


def test_a_run_without_weights(pyromix: Invoke, copied: Path) -> None:
    (copied / "weights.safetensors").unlink()
    refused(pyromix("evaluate", copied, "digits"), "no weights.safetensors", "resume it")


def test_a_damaged_config(pyromix: Invoke, copied: Path) -> None:
    (copied / "config.json").write_text('{"format": "pyromix-run"')
    refused(pyromix("evaluate", copied, "digits"), "config.json is damaged")


def test_data_of_another_shape(pyromix: Invoke, finished: Path, blobs: Path) -> None:
    refused(pyromix("evaluate", finished, blobs), "4 features", "64 features")


def test_an_unknown_split(pyromix: Invoke, finished: Path) -> None:
    refused(pyromix("evaluate", finished, "digits", "--split", "valid"), "'train' or 'test'")


def test_existing_files_are_left_alone(pyromix: Invoke, finished: Path, tmp_path: Path) -> None:
    for name in ("a.png", "a.npz"):
        (tmp_path / name).write_text("mine")
        refused(pyromix("sample", finished, "--out", tmp_path / name), f"{name} exists", "--out")
        assert (tmp_path / name).read_text() == "mine"
    refused(pyromix("evaluate", finished, "digits", "--out", tmp_path / "a.png"), "a.png exists")
    assert (tmp_path / "a.png").read_text() == "mine"


def test_another_ending(pyromix: Invoke, finished: Path, tmp_path: Path) -> None:
    refused(pyromix("sample", finished, "--out", tmp_path / "a.gif"), ".png", ".npz")
    refused(pyromix("evaluate", finished, "digits", "--out", tmp_path / "a.npz"), ".png")
    assert contents(tmp_path) == {}


def test_a_cluster_that_is_not_there(pyromix: Invoke, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    refused(pyromix("sample", finished, "--cluster", 10, "--out", out), "clusters 0 to 9")
    refused(pyromix("sample", finished, "--cluster", -1, "--out", out), "clusters 0 to 9")
    refused(pyromix("sample", finished, "--facet", 0, "--out", out), "one clustering", "drop")
    assert not out.exists()
