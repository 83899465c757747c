"""Columns that are left out, and what a reader is warned of."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler

from tests.read_tables import Value, decide, read_table
from training.columns.decided import DecidedTable
from training.columns.suspects.suspect import Suspect
from training.table.values import ColumnOptions

ROWS = 400
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=ROWS).tolist()
CLASSES = RNG.choice(["no", "yes"], ROWS).tolist()
AMOUNTS = RNG.normal(size=ROWS).tolist()


def decided_with(name: str, values: Sequence[Value], *, target: Sequence[Value] = CLASSES) -> DecidedTable:
    return decide(read_table({name: values, "noise": NOISE, "y": target}), "y")


def only_suspect(name: str, values: Sequence[Value], *, target: Sequence[Value] = CLASSES) -> Suspect:
    decided = decided_with(name, values, target=target)
    (suspect,) = decided.suspects
    names = [feature.name for feature in decided.features]
    assert names == (["noise"] if suspect.left_out else [name, "noise"])
    assert [left.name for left in decided.left_out] == [name] * suspect.left_out
    return suspect


def test_an_ordinary_table_has_no_suspects() -> None:
    assert decided_with("x", AMOUNTS).suspects == []
    assert decided_with("x", AMOUNTS, target=[row**2 for row in NOISE]).suspects == []
    assert decided_with("x", RNG.choice(["a", "b", "c"], ROWS).tolist()).suspects == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Unnamed: 0", [f"car {row}" for row in range(ROWS)]),
        ("Unnamed: 0", AMOUNTS),
        ("rownames", [f"car {row}" for row in range(ROWS)]),
        ("__index_level_0__", AMOUNTS),
        ("t", range(ROWS)),
        ("t", range(1, ROWS + 1)),
    ],
)
def test_a_row_number_is_left_out_and_named(name: str, values: Sequence[Value]) -> None:
    suspect = only_suspect(name, values)
    assert suspect.kind == "row number"
    assert suspect.sentence.startswith(f"'{name}' is left out: it ")


def test_a_row_number_that_is_asked_for_is_kept() -> None:
    table = read_table({"t": range(ROWS), "noise": NOISE, "y": CLASSES})
    assert len(decide(table, "y", ColumnOptions(numeric=("t",))).features) == 2
    assert len(decide(read_table({"t": range(2, ROWS + 2), "noise": NOISE, "y": CLASSES}), "y").features) == 2


@pytest.mark.parametrize(("size", "warned"), [(1e-17, True), (1e-14, False)])
def test_a_range_that_scaling_takes_for_none_is_warned_of(size: float, *, warned: bool) -> None:
    values = [size * amount for amount in AMOUNTS]
    suspects = decided_with("x", values).suspects
    assert [suspect.kind for suspect in suspects] == ["narrow"] * warned
    assert all("so that nothing is learnt from it: multiply it by" in suspect.sentence for suspect in suspects)
    scaler = MinMaxScaler().fit(np.reshape(values, (-1, 1)))
    assert (float(scaler.scale_[0]) == 1) == warned


@pytest.mark.parametrize(("value", "shown"), [(3.5, "3.5"), ("here", "here"), (0, "0")])
def test_a_column_that_never_changes_is_left_out(value: Value, shown: str) -> None:
    suspect = only_suspect("x", [value] * ROWS)
    assert suspect.sentence == f"'x' is left out: it holds '{shown}' in every training row."


def test_a_column_of_one_level_with_gaps_is_kept() -> None:
    decided = decided_with("x", [None if row % 7 == 0 else "here" for row in range(ROWS)])
    assert decided.suspects == []
    assert (decided.features[0].levels, decided.features[0].encoded_columns) == (["here"], 2)


def test_a_column_without_values_is_left_out() -> None:
    assert only_suspect("x", [None] * ROWS).sentence == "'x' is left out: it has no value in any training row."


def test_a_category_all_of_whose_levels_are_rare_is_left_out() -> None:
    suspect = only_suspect("x", [f"level {row // 2}" for row in RNG.permutation(ROWS)])
    assert suspect.kind == "rare levels"
    assert "each of them in fewer than 1 % of the training rows" in suspect.sentence


def test_a_column_that_comes_again_is_left_out() -> None:
    table = read_table({"x": AMOUNTS, "noise": NOISE, "again": AMOUNTS, "y": CLASSES})
    decided = decide(table, "y")
    assert [suspect.sentence for suspect in decided.suspects] == ["'again' is left out: it equals 'x' in every row."]
    assert [feature.name for feature in decided.features] == ["x", "noise"]


@pytest.mark.parametrize(
    ("values", "target"),
    [
        ([2.0 * (label == "yes") + abs(noise) / 10 for label, noise in zip(CLASSES, NOISE, strict=True)], CLASSES),
        ([-1.0 * (label == "yes") for label in CLASSES], CLASSES),
        ([f"is {label}" for label in CLASSES], CLASSES),
        ([None if label == "yes" else noise**2 for label, noise in zip(CLASSES, NOISE, strict=True)], CLASSES),
        (AMOUNTS, AMOUNTS),
        ([5 - 3 * amount for amount in AMOUNTS], AMOUNTS),
        ([float(row % 2) if label == "yes" else None for row, label in enumerate(CLASSES)], CLASSES),
        ([row % 2 * 3 + 1 if label == "no" else row % 2 + 2 for row, label in enumerate(CLASSES)], CLASSES),
        ([math.exp(amount) for amount in AMOUNTS], AMOUNTS),
        ([-(amount**3) for amount in AMOUNTS], AMOUNTS),
        ([row % 3 + 0.001 * noise for row, noise in enumerate(NOISE)], ["a", "b", "c"] * (ROWS // 3) + ["a"]),
    ],
)
def test_a_column_that_predicts_the_target_alone_is_kept_with_a_warning(
    values: Sequence[Value], target: Sequence[Value]
) -> None:
    suspect = only_suspect("x", values, target=target)
    assert suspect.kind == "predicts"
    assert "give --drop 'x'" in suspect.sentence


def test_one_class_that_a_column_tells_from_the_others_is_no_leak() -> None:
    target = ["a", "b", "c"] * (ROWS // 3) + ["a"]
    values = [float(label == "a") + 0.3 * noise for label, noise in zip(target, NOISE, strict=True)]
    assert decided_with("x", values, target=target).suspects == []


def test_rows_that_are_held_out_and_trained_on_are_counted() -> None:
    half = ROWS // 2
    table = read_table({"x": NOISE[:half] * 2, "y": CLASSES[:half] * 2})
    (suspect,) = decide(table, "y").suspects
    assert suspect.kind == "repeated rows"
    assert "of 80 held-out rows equal a training row, target included" in suspect.sentence


def test_a_class_below_one_percent_is_named() -> None:
    target = ["rare" if row in range(3) else CLASSES[row] for row in range(ROWS)]
    decided = decided_with("x", AMOUNTS, target=target)
    assert [suspect.kind for suspect in decided.suspects] == ["small class"]
    assert decided.suspects[0].sentence.startswith("Class 'rare' has 0.36% of the training rows")


def test_an_outlier_that_flattens_its_column_is_named() -> None:
    values = [*AMOUNTS]
    for row in (5, 6, 7, 8):  # one of them is surely in the training rows
        values[row] = 1e9
    suspect = only_suspect("x", values)
    assert suspect.kind == "outlier"
    assert "to 1e+09, while 98 % lie between" in suspect.sentence


def test_many_zeros_are_no_outlier() -> None:
    assert decided_with("x", [float(row % 20 == 7) * row for row in range(ROWS)]).suspects == []


def test_gaps_and_levels_that_no_training_row_has_are_named() -> None:
    held_out = set(decided_with("x", AMOUNTS).split.test[:3].tolist())
    gaps = only_suspect("x", [None if row in held_out else AMOUNTS[row] for row in range(ROWS)])
    assert gaps.sentence == ("'x' has 3 gaps, none in a training row: the service will refuse a row without it.")
    levels = only_suspect("x", ["new" if row in held_out else "ab"[row % 2] for row in range(ROWS)])
    assert levels.sentence == "'x' has levels that no training row holds, in 3 other rows."


def test_zeros_in_front_of_numbers_are_told_with_their_line() -> None:
    table = read_table({"zip": AMOUNTS, "noise": NOISE, "y": CLASSES})
    padded = replace(table, columns=[replace(table.columns[0], padded_row=5), *table.columns[1:]])
    (suspect,) = decide(padded, "y").suspects
    assert suspect.sentence == (
        "'zip' has zeros in front of its numbers (line 7), which are lost: where they are codes, give --category 'zip'."
    )
    assert decide(padded, "y", ColumnOptions(numeric=("zip",))).suspects == []


def words_of(levels: Sequence[str]) -> list[str]:
    return [str(word) for word in RNG.choice(list(levels), ROWS)]


def test_spellings_of_yes_and_no_that_are_no_pair_are_named() -> None:
    suspect = only_suspect("x", words_of(["true", "yes", "0", "n"]))
    assert suspect.sentence == (
        "'x' has levels '0', 'n', 'true' and 'yes', which say yes and no in several spellings, and count as 4. Write "
        "one pair of them."
    )
    decided = decided_with("x", AMOUNTS, target=words_of(["yes", "no", "n"]))
    assert [suspect.kind for suspect in decided.suspects] == ["spellings"]


def test_numbers_among_words_are_named_with_the_options() -> None:
    values = ["1.5", "2.5", *["none"] * 3, *["-"] * 2, "-999"] * (ROWS // 8)
    suspect = only_suspect("x", values)
    assert suspect.sentence == (
        "'x' has levels '-999', '1.5' and '2.5', numbers among words: where a word means no value, give "
        "--missing 'none' --missing='-', or --numeric 'x' to take all words as missing; --category 'x' says that all "
        "are levels."
    )
    table = read_table({"x": values, "noise": NOISE, "y": CLASSES})
    assert decide(table, "y", ColumnOptions(category=("x",))).suspects == []
    lone = only_suspect("x", words_of(["red", "blue", "-999"]))
    assert lone.sentence == (
        "'x' has a level '-999', a number among words: where it means no value, give --missing='-999'; "
        "--category 'x' says that all are levels."
    )
    (classes,) = decided_with("x", AMOUNTS, target=words_of(["a", "b", "-1"])).suspects
    assert classes.sentence == "A class is '-1', a number among words: where it means no value, give --missing='-1'."


def test_numbers_that_a_file_has_as_text_are_named_unless_they_are_codes() -> None:
    values = words_of("123")
    assert only_suspect("x", values).sentence == (
        "'x' is a category, since the file has its numbers as text ('1', '2' and '3'): where they are amounts, give "
        "--numeric 'x'; --category 'x' says that all are levels."
    )
    table = read_table({"x": values, "noise": NOISE, "y": CLASSES})
    assert decide(table, "y", ColumnOptions(category=("x",))).suspects == []
    assert decided_with("x", words_of(["02134", "10115", "80331"])).suspects == []
    assert decided_with("x", AMOUNTS, target=words_of("123")).suspects == []


def test_levels_and_classes_that_differ_by_case_alone_are_named() -> None:
    levels = only_suspect("x", RNG.choice(["red", "blue", "Red"], ROWS).tolist())
    assert levels.sentence == "'x' has levels 'Red' and 'red' that differ by case alone, and count as two."
    decided = decided_with("x", AMOUNTS, target=RNG.choice(["yes", "no", "No"], ROWS).tolist())
    assert [suspect.sentence for suspect in decided.suspects] == [
        "Classes 'No' and 'no' differ by case alone, and count as two."
    ]
    assert decided_with("x", RNG.choice(["yes", "no", "No"], ROWS).tolist()).suspects == []
