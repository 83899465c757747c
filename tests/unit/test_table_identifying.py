"""Dates, ids and free text: what tells rows apart and is no level of them is refused, and levels are not."""

import pytest

from tests.read_tables import ROWS, decide, kind_of, read_table, refusal
from training.errors import UserError
from training.table.values import ColumnOptions


@pytest.mark.parametrize(
    "text",
    ["2013-01-{:02}", "{}/2/2013", "{}.2.13", "2013-01-{:02}T05:00:00Z", "Jan {}, 2020", "5 Feb 20{:02}", "12:{:02}"],
)
def test_dates_and_times_are_refused(text: str) -> None:
    line = refusal(lambda row: text.format(row % 20 + 1))
    assert "column 'x' must hold numbers or levels, however: it holds dates or times (line 2: " in line
    assert "--drop 'x'" in line


def test_durations_are_refused() -> None:
    line = refusal(lambda row: f"{row * 5} us")
    assert "however: it holds durations (line 2: '0 us'). Write what matters of them as numbers (seconds)" in line


def test_a_word_among_dates_leaves_them_dates() -> None:
    def make(row: int) -> str:
        return f"2024-01-{row % 19 + 10}" if row % 20 else "pending"

    line = refusal(make)
    assert "it holds dates or times (line 3: '2024-01-11')" in line
    assert "--missing 'pending' where that means no value, --drop 'x'" in line
    assert kind_of(lambda row: "pending" if row % 5 < 3 else f"2024-01-1{row % 5}") == "category"


def test_free_text_and_ids_are_refused() -> None:
    line = refusal(lambda row: f"Braund, Mr. Owen {row}")
    assert "of its 42 training values stand in one row alone, as free text and ids do" in line
    assert "--drop 'x'" in line
    assert kind_of(lambda row: f"level {row % 30}") == "category"


def test_text_of_which_half_comes_again_is_a_category() -> None:
    assert kind_of(lambda row: f"own {row}" if row % 3 == 0 else "shared") == "category"


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        *((name, True) for name in ("id", "ID", "Id", "CUSTOMER_ID", "Customer ID", "Order Id", "userId", "userID")),
        *((name, False) for name in ("acid", "GRID", "VALID", "Covid", "x")),
    ],
)
def test_ids_are_known_by_their_names(name: str, *, refused: bool) -> None:
    table = read_table({"a": [row % 7 for row in range(ROWS)], name: [1000 + 7 * row for row in range(ROWS)]})
    if refused:
        with pytest.raises(UserError, match="as an id does"):
            decide(table)
    else:
        assert len(decide(table).features) == 2


def test_numbers_that_call_themselves_an_id_and_all_differ_are_refused() -> None:
    table = read_table({"a": [row % 7 for row in range(ROWS)], "patient_id": [1000 + 7 * row for row in range(ROWS)]})
    with pytest.raises(UserError, match=r"'patient_id' must say something of its row.*line 2: 1000.*--drop"):
        decide(table)
    assert len(decide(table, options=ColumnOptions(numeric=("patient_id",))).features) == 2


def test_a_category_of_more_levels_than_a_card_can_list_is_refused() -> None:
    table = read_table({"a": [row % 7 for row in range(20_002)], "x": [f"level {row // 2}" for row in range(20_002)]})
    with pytest.raises(UserError, match="at most 10,000 levels, however: column 'x' has 10,001"):
        decide(table)
