"""What the graphs take for a column, and what the card says of it: both from the training rows."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from service.contract.card import ColumnKind
from tests.read_tables import Value, column, decide, read_table
from training.columns.codes import (
    MOST_LEVEL_COLUMNS,
    RARE_SHARE,
    as_words,
    code_column,
    count_level_columns,
    describe_column,
    describe_numbers,
    write_number,
)
from training.columns.data import fingerprint
from training.columns.decide import code_table
from training.columns.split import take_rows
from training.preprocessing import fit_preprocessing

ALL = np.arange(8)


def test_numbers_are_taken_as_they_are() -> None:
    values = [1700000000.123456, 1000.0001, -3, 0, 1, 2, 3, 4]
    made = column("x", values)
    assert code_column(made, describe_column(made, "number", rows=ALL)).tolist() == values


@pytest.mark.parametrize(("kind", "values"), [("number", range(7)), ("boolean", "ynynyny"), ("category", "abcabca")])
def test_a_missing_value_is_nan_whatever_the_kind(kind: ColumnKind, values: Sequence[Value]) -> None:
    made = column("x", [None, *values])
    codes = code_column(made, describe_column(made, kind, rows=ALL))
    assert np.isnan(codes[0])
    assert not np.isnan(codes[1:]).any()


@pytest.mark.parametrize(
    ("values", "fill"),
    [
        (["no", "yes", "YES", None], "1, the commoner,"),
        (["no", "yes", "No", None], "0, the commoner,"),
        (["no", "yes", None, None], "0.5, halfway,"),
        ([0, 1, 0, None], "0, the commoner,"),
        ([1, 0, None, 1], "1, the commoner,"),
        ([1, 0, None, None], "0.5, halfway,"),
    ],
)
def test_what_stands_in_a_booleans_gaps_is_stated(values: list[Value], fill: str) -> None:
    made = column("x", values)
    feature = describe_column(made, "boolean", rows=np.arange(4))
    assert feature.becomes == f"2 columns: {fill} in gaps, and where they are"
    raw = code_column(made, feature)[:, None]
    imputer = fit_preprocessing(raw, [feature])["encode"].named_transformers_["values"]
    assert fill.startswith(f"{imputer.statistics_[0]:g},")


def test_booleans_are_0_and_1_in_any_case() -> None:
    values: list[Value] = ["Yes", "no", "YES", "No", "Yes", "no", "no", None]
    made = column("x", values)
    feature = describe_column(made, "boolean", rows=ALL)
    assert (feature.levels, feature.minimum, feature.maximum) == (["no", "Yes"], 0, 1)
    assert feature.level_shares == [0.5, 0.375]
    assert code_column(made, feature)[:-1].tolist() == [1, 0, 1, 0, 1, 0, 0]
    assert feature.encoded_columns == 2


def test_levels_are_those_of_the_training_rows_by_name() -> None:
    values: list[Value] = ["pear", "apple", "fig", "apple", None, "apple", "pear", "fig"]
    made = column("x", values)
    feature = describe_column(made, "category", rows=np.array([0, 1, 3, 4]))
    assert (feature.levels, feature.level_shares, feature.missing_share) == (["apple", "pear"], [0.5, 0.25], 0.25)
    assert (feature.minimum, feature.maximum, feature.encoded_columns) == (0, 1, 3)
    np.testing.assert_array_equal(code_column(made, feature), [1, 0, -1, 0, np.nan, 0, 1, -1])


def test_numbers_become_levels_as_people_write_them() -> None:
    words = as_words(column("x", [1.0, 2.5, -0.0, 0.0, 1e20, None, 0.1 + 0.2, 3]))
    assert words.to_pylist() == ["1", "2.5", "0", "0", "1e+20", None, "0.30000000000000004", "3"]
    assert float(write_number(0.1)) == 0.1


@pytest.mark.parametrize("missing", [0, 3, 300])
def test_the_columns_of_a_category_are_counted_as_scikit_learn_makes_them(missing: int) -> None:
    draws = np.random.default_rng(0).zipf(1.3, 2000) % 60
    values: list[Value] = [f"level {draw}" for draw in draws]
    values[:missing] = [None] * missing
    made = column("x", values)
    feature = describe_column(made, "category", rows=np.arange(2000))
    codes = code_column(made, feature)[:, np.newaxis]
    encoder = OneHotEncoder(min_frequency=0.01, max_categories=20, handle_unknown="infrequent_if_exist")
    assert feature.encoded_columns == encoder.fit_transform(codes).shape[1] <= 20
    assert feature.becomes.startswith(f"{feature.encoded_columns} columns")
    assert "rarest together" in feature.becomes


def test_numbers_are_described_by_range_deciles_and_gaps() -> None:
    feature = describe_numbers("x", np.arange(101.0))
    assert (feature.minimum, feature.maximum, feature.deciles) == (0, 100, [10.0 * part for part in range(1, 10)])
    assert (feature.missing_share, feature.encoded_columns) == (0, 1)
    feature = describe_numbers("x", np.array([1, np.nan, 3, np.nan]))
    assert (feature.minimum, feature.maximum, feature.missing_share, feature.encoded_columns) == (1, 3, 0.5, 2)


def test_a_table_is_coded_for_its_rows_with_a_target() -> None:
    rng = np.random.default_rng(0)
    text = rng.choice(["red", "green", "blue"], 100).tolist()
    numbers = rng.normal(size=100).tolist()
    target: list[Value] = [None if row % 10 == 0 else "yes" if row % 3 else "no" for row in range(100)]
    decided = decide(read_table({"colour": text, "size": numbers, "y": target}), "y")
    table = code_table(decided)
    kept = [row for row in range(100) if row % 10]
    assert table.raw[:, 1].tolist() == [numbers[row] for row in kept]
    assert table.raw[:, 0].tolist() == [["blue", "green", "red"].index(text[row]) for row in kept]
    assert ([column.encoded_columns for column in table.columns], table.rows_without_target) == ([3, 1], 10)
    train = take_rows(table, decided.split).train.raw
    assert (table.columns[1].minimum, table.columns[1].maximum) == (train[:, 1].min(), train[:, 1].max())


def test_levels_count_in_the_fingerprint() -> None:
    def table_of(*levels: str) -> str:
        values = [levels[row % 2] for row in range(60)]
        table = read_table({"x": values, "a": [row * 0.3 for row in range(60)], "y": ["yes", "no", "no"] * 20})
        return fingerprint(code_table(decide(table, "y")))

    assert table_of("a", "b") == table_of("a", "b") != table_of("a", "c")


@example([100] * 20)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_level_columns_are_counted_by_scikit_learns_rule(counts: list[int]) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)[:, np.newaxis]
    encoder = OneHotEncoder(min_frequency=RARE_SHARE, max_categories=MOST_LEVEL_COLUMNS).fit(codes)
    (rare,) = encoder.infrequent_categories_
    expected = (len(encoder.get_feature_names_out()), 0 if rare is None else len(rare))
    assert count_level_columns(np.array(counts)) == expected
