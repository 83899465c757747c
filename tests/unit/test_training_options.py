"""The training job's command line: what is wrong, in one line, before anything slow happens."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.commands import ROOT
from training.architectures import Architecture
from training.errors import UserError
from training.inspect import look_at_table
from training.options import parse_options


def test_the_defaults_are_the_two_architectures_and_twenty_epochs() -> None:
    options = parse_options([])
    assert options.architectures == (Architecture("small", 2, 50), Architecture("large", 5, 200))
    assert (options.epochs, options.test_fraction, options.data) == (20, 0.2, None)
    assert parse_options(["fit"]) == options


def test_parameters_are_those_of_the_exported_network() -> None:
    assert [architecture.parameters(columns=20) for architecture in parse_options([]).architectures] == [
        14_151,
        207_201,
    ]


def test_the_linear_model_is_one_of_no_layers_and_no_units() -> None:
    (line,) = parse_options(["--architecture", "line=0x0"]).architectures
    assert line == Architecture("line", 0, 0)
    assert line.parameters(columns=20) == 231
    assert line.parameters(columns=20, outputs=3) == 693


def test_named_architectures_replace_the_default_ones() -> None:
    options = parse_options(["--architecture", "wide=1x400", "--architecture", "deep-net=9x16"])
    assert options.architectures == (Architecture("wide", 1, 400), Architecture("deep-net", 9, 16))


def test_the_levels_of_a_category_are_what_the_file_writes(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("zip,size\n" + "".join(f"{('02134', '10115')[row % 2]},{row % 7}\n" for row in range(40)))
    features = look_at_table(parse_options(["inspect", "--data", str(path), "--category", "zip"])).features
    assert [(feature.name, feature.levels) for feature in features] == [("zip", ["02134", "10115"]), ("size", [])]


BAD = [
    ["--architecture", "small=0x50"],
    ["--architecture", "small=2x0"],
    ["--architecture", "x"],
    ["--architecture", "small=x"],
    ["--architecture", "small=2x50x3"],
    ["--architecture", "Small=2x50"],
    ["--architecture", "preprocessing=2x50"],
    ["--architecture", "small-raw=2x50"],
    ["--architecture", "a=2x50", "--architecture", "a=3x50"],
    ["--architecture", "huge=2x999999"],
    ["--epochs", "0"],
    ["--epochs", "1.5"],
    ["--batch-size", "-4"],
    ["--learning-rate", "0"],
    ["--learning-rate", "nan"],
    ["--seed", "-1"],
    ["--test-fraction", "1"],
    ["--test-fraction", "0"],
    ["--minimum", "accuracy"],
    ["--minimum", "beauty=0.5"],
    ["--minimum", "accuracy=high"],
    ["--task", "clustering"],
    ["--data", "data.csv"],
    ["--target", "y"],
    ["--summary", "/nowhere/at/all.json"],
    ["--unknown"],
    ["--architecture", "line=0x0", "--depth", "1"],
    ["inspect", "--data", "data.csv", "--output", "here"],
    ["sweep"],
    ["sweep", "--output", "/dev/null/here"],
    ["sweep", "--output", "here", "--depth", "1,two"],
    ["sweep", "--output", "here", "--depth", "101"],
    ["sweep", "--output", "here", "--width", "0"],
    ["sweep", "--output", "here", "--rows", ""],
    ["sweep", "--output", "here", "--rows", "-5"],
    ["sweep", "--output", "here", "--seeds", "0"],
    ["sweep", "--output", "here", "--jobs", "0"],
    ["sweep", "--output", "here", "--minimum", "auc=0.5"],
    ["sweep", "--output", "here", "--summary", "summary.json"],
    ["sweep", "--output", "here", "--checkpoint", "kept"],
    ["sweep", "--output", "here", "--resume", "kept"],
    ["sweep", "--output", "here", "--checkpoint", "kept", "--checkpoint-seconds", "5"],
    ["sweep", "--output", "here", "--backend", "ray"],
    ["sweep", "--output", "here", "--backend", "dask"],
    ["sweep", "--output", "here", "--address", "tcp://127.0.0.1:8786"],
    ["sweep", "--output", "here", "--backend", "dask", "--address", "tcp://127.0.0.1:8786", "--jobs", "2"],
    ["sweep", "--output", "here", "--backend", "dask", "--address", "scheduler"],
    ["sweep", "--output", "here", "--data", "data.csv"],
    ["predict"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_a_bad_option_is_refused_in_one_line(arguments: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_options(arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    ["--drop=a", "--category=a", "--numeric=a", "--missing=x", "--separator=;", "--decimal=,", "--encoding=utf-8",
     "--no-header", "--task=regression", "--most-features=50"],
)  # fmt: skip
@pytest.mark.parametrize("command", [["fit"], ["sweep", "--output", "here"]], ids=lambda words: words[0])
def test_what_is_said_of_a_table_is_refused_where_one_is_generated(command: list[str], option: str) -> None:
    name, _, _ = option.partition("=")
    with pytest.raises(UserError, match=rf"^{name} must go with --data, however: none is given, and a table is gene"):
        parse_options([*command, option])
    parse_options([*command, option, "--data", "data.csv", "--target", "y"])


@pytest.mark.parametrize(
    "option",
    ["--architecture=x=1x1", "--epochs=3", "--batch-size=9", "--learning-rate=0.1", "--minimum=r2=0.5",
     "--summary=summary.json", "--checkpoint=kept", "--resume=kept", "--checkpoint-seconds=5", "--rank-seconds=5"],
)  # fmt: skip
def test_what_is_said_of_training_is_refused_by_inspect(option: str) -> None:
    name, _, _ = option.partition("=")
    with pytest.raises(UserError, match=rf"^{name} must go with fit or sweep, however: inspect trains nothing\."):
        parse_options(["inspect", "--data", "data.csv", option])
    look_on = ["--seed=3", "--test-fraction=0.5", "--memory=10MB", "--task=regression", "--drop=a"]
    assert parse_options(["inspect", "--data", "data.csv", *look_on]).test_fraction == 0.5


@pytest.mark.parametrize("option", ["--separator=;", "--encoding=latin-1", "--no-header"])
def test_what_is_said_of_a_text_is_refused_of_a_parquet_file(tmp_path: Path, option: str) -> None:
    path = tmp_path / "table"
    pa.parquet.write_table(pa.table({"size": range(40), "fee": [0.5, 1.5] * 20}), path)
    name, _, _ = option.partition("=")
    with pytest.raises(UserError, match=f"^{name} must go with CSV files, however: --data is Parquet"):
        look_at_table(parse_options(["inspect", "--data", str(path), option]))
    assert look_at_table(parse_options(["inspect", "--data", str(path), "--decimal=,", "--numeric=size"])).features


def test_a_bad_option_ends_with_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "training", "--architecture", "small=0x50"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1


def test_a_sweep_under_torchrun_is_refused_and_the_first_rank_alone_says_so(tmp_path: Path) -> None:
    of_both = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29400"}
    ended = [
        subprocess.run(
            [sys.executable, "-m", "training", "sweep", "--output", str(tmp_path / "here")],
            env={**os.environ, **of_both, "RANK": rank, "LOCAL_RANK": rank},
            cwd=ROOT, capture_output=True, text=True, check=False,
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    assert [process.returncode for process in ended] == [2, 2]
    assert ended[0].stderr.startswith("sweep must be one process, which starts others itself, however: ")
    assert ended[1].stderr == ""
    assert not list(tmp_path.iterdir())
