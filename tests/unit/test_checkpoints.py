"""The folder of checkpoints: what may be begun in it, gone on from, and what is refused, with one line."""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cards import RECIPE
from training.checkpoints.folder import CheckpointOptions, check_checkpoints, keep_checkpoints
from training.checkpoints.identity import NetworkIdentity, RunIdentity
from training.errors import TrainingError, UserError
from training.options import parse_options
from training.whole_file import take_lock

SMALL = NetworkIdentity(depth=2, width=50, outputs=1, recipe=RECIPE)
RUN = RunIdentity(torch="2.13.0", task="classification", networks={"small": SMALL}, rows="a" * 64)


def begin(folder: Path) -> CheckpointOptions:
    return CheckpointOptions(folder=folder, seconds=30.0, begins=True, resumes=False)


def kill_in(folder: Path, *, run: RunIdentity = RUN) -> None:
    """Leave what a run leaves that does not come to its end."""
    with suppress(KeyboardInterrupt), keep_checkpoints(begin(folder), lambda: run) as plans:
        plans["small"].path.write_bytes(b"state")
        raise KeyboardInterrupt


def go_on(folder: Path, *, run: RunIdentity = RUN) -> None:
    with keep_checkpoints(replace(begin(folder), begins=False, resumes=True), lambda: run):
        pass


def test_a_run_that_ends_leaves_no_folder_and_one_that_is_killed_can_be_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "some/where"
    kill_in(folder)
    assert {path.name for path in folder.iterdir()} == {"run.json", "small.safetensors"}
    (folder / "small.safetensors.77.unfinished").touch()
    go_on(folder)
    assert not folder.exists()


def test_nothing_is_kept_and_nothing_computed_where_it_is_not_asked_for() -> None:
    def identify() -> RunIdentity:
        raise AssertionError("digesting a large table takes seconds")

    with keep_checkpoints(None, identify) as plans:
        assert not plans


OTHERS: list[tuple[RunIdentity, str]] = [
    (RUN.model_copy(update={"archscale": "0.0.1"}), "by version .* of archscale, and this is 0.0.1"),
    (RUN.model_copy(update={"torch": "2.14.0"}), "by version 2.13.0 of PyTorch, and this is 2.14.0"),
    (RUN.model_copy(update={"format": 2}), "by version 1 of the format, and this is 2"),
    (RUN.model_copy(update={"rows": "b" * 64}), "it is of another table"),
    (RUN.model_copy(update={"networks": {"small": SMALL, "large": SMALL}}), "this run trains small, large"),
    (
        RUN.model_copy(update={"networks": {"small": SMALL.model_copy(update={"width": 60})}}),
        "'small' has width 50 there and 60 here",
    ),
    (
        RUN.model_copy(
            update={
                "networks": {
                    "small": SMALL.model_copy(update={"recipe": RECIPE.model_copy(update={"batch_size": 100})})
                }
            }
        ),
        "'small' has batch size 80 there and 100 here",
    ),
]


@pytest.mark.parametrize(("run", "words"), OTHERS, ids=[words for _, words in OTHERS])
def test_a_checkpoint_of_another_recipe_table_or_version_is_refused_and_stays(
    tmp_path: Path, run: RunIdentity, words: str
) -> None:
    kill_in(tmp_path)
    with pytest.raises(UserError, match=f"--resume must go on with the run that was begun, however: .*{words}") as told:
        go_on(tmp_path, run=run)
    assert "\n" not in str(told.value)
    assert (tmp_path / "small.safetensors").read_bytes() == b"state"


@pytest.mark.parametrize("content", ["", "{}", "[]", "\0", '{"format": 1, "archscale": "x", "torch": "y"'])
def test_a_damaged_run_file_is_refused(tmp_path: Path, content: str) -> None:
    kill_in(tmp_path)
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json is damaged") as told:
        go_on(tmp_path)
    assert "\n" not in str(told.value)


def test_a_later_format_is_named_though_it_has_other_fields(tmp_path: Path) -> None:
    kill_in(tmp_path)
    run = {"format": 2, "archscale": RUN.archscale, "torch": RUN.torch, "novel": 1}
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match="by version 2 of the format"):
        go_on(tmp_path)


def test_a_folder_is_used_by_one_run_at_a_time(tmp_path: Path) -> None:
    with keep_checkpoints(begin(tmp_path), lambda: RUN), pytest.raises(UserError, match="one run at a time"):
        go_on(tmp_path)


def a_checkpoint(folder: Path) -> None:
    kill_in(folder)


def something_else(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").touch()


def a_file(folder: Path) -> None:
    folder.touch()


def nothing(folder: Path) -> None:
    del folder


REFUSED: list[tuple[Callable[[Path], None], list[str], str]] = [
    (a_checkpoint, ["--checkpoint"], "holds a checkpoint. Go on from it with --resume"),
    (something_else, ["--checkpoint"], "holds 'thesis.tex'"),
    (something_else, ["--resume"], "holds none"),
    (a_file, ["--checkpoint"], "Not a directory"),
    (a_file, ["--resume"], "Not a directory"),
    (nothing, ["--resume"], "does not exist"),
]


@pytest.mark.parametrize(("there", "options", "words"), REFUSED)
def test_the_folder_is_looked_at_before_anything_is_read(
    tmp_path: Path, there: Callable[[Path], None], options: list[str], words: str
) -> None:
    folder = tmp_path / "kept"
    there(folder)
    asked = parse_options([*options, str(folder)]).checkpoints
    assert asked is not None
    with pytest.raises(UserError, match=words) as told:
        check_checkpoints(asked)
    assert "\n" not in str(told.value)


def test_both_options_with_one_folder_begin_or_go_on(tmp_path: Path) -> None:
    folder = str(tmp_path / "kept")
    both = parse_options(["--checkpoint", folder, "--resume", folder]).checkpoints
    assert both is not None
    check_checkpoints(both)
    kill_in(tmp_path / "kept")
    check_checkpoints(both)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--checkpoint", "a", "--resume", "b"],
        ["--checkpoint-seconds", "5"],
        ["--checkpoint", "a", "--checkpoint-seconds", "0"],
        ["--checkpoint", "a", "--checkpoint-seconds", "nan"],
    ],
)
def test_options_that_do_not_belong_together_are_refused(arguments: list[str]) -> None:
    with pytest.raises(UserError, match="however"):
        parse_options(arguments)


def test_a_folder_that_can_not_be_made_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(TrainingError, match="Not a directory"),
        keep_checkpoints(begin(tmp_path / "file/in"), lambda: RUN),
    ):
        raise AssertionError


def test_the_networks_may_be_named_in_another_order(tmp_path: Path) -> None:
    large = SMALL.model_copy(update={"depth": 5})
    run = RUN.model_copy(update={"networks": {"small": SMALL, "large": large}})
    turned = RUN.model_copy(update={"networks": {"large": large, "small": SMALL}})
    assert run.digest() == turned.digest() != RUN.digest()
    kill_in(tmp_path, run=run)
    go_on(tmp_path, run=turned)


@pytest.mark.parametrize(("number", "taken"), [(errno.EACCES, False), (errno.EAGAIN, False), (errno.ENOLCK, True)])
def test_a_lock_that_another_holds_is_told_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, taken: bool
) -> None:
    def refuse(file: object, kind: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (tmp_path / "lock").open("a") as file:
        assert take_lock(file) is taken


def test_a_damaged_state_is_refused_with_one_line(tmp_path: Path) -> None:
    from training.checkpoints.state import read_state

    path: Any = tmp_path / "small.safetensors"
    for content in (b"", b"\xff" * 100, (2).to_bytes(8, "little") + b"{}"):
        with pytest.raises(UserError, match="a checkpoint must be whole") as told:
            read_state(content, path=path, run="r", parameters=1)
        assert "\n" not in str(told.value)
