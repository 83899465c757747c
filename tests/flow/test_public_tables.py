"""Five of the tables of ``make bench-tables``, as their packages hold them, from the file to the answer.

Text, gaps, yes and no, row numbers, three classes and more, numbers to predict.
"""

from pathlib import Path

import pytest

from service.contract.card import ModelCard
from service.contract.policies import PARITY_TOLERANCE
from tests.bench.tables.answers import largest_difference, read_cards
from tests.bench.tables.copy_out import read_file
from tests.bench.tables.public import TABLES, PublicTable
from tests.conftest import QUICK, train

CHOSEN = ("penguins", "weather", "plebiscite", "income", "loans")
NARROW, DEEP = "narrow=1x8", "deep=3x16"
SHAPES = {name: [NARROW] for name in CHOSEN} | {"penguins": [NARROW, DEEP], "income": [DEEP]}
"""Of one table two networks: that a release has several is of no table's making."""
CLASSES = {
    "penguins": ["Adelie", "Chinstrap", "Gentoo"],
    "weather": ["drizzle", "fog", "rain", "snow", "sun"],
    "plebiscite": ["A", "N", "U", "Y"],
    "income": [],
    "loans": ["0", "1"],
}


def release_of(table: PublicTable, folder: Path) -> dict[str, ModelCard]:
    """Train networks on the table as it is; return their cards."""
    file = folder / table.file_name
    file.write_bytes(read_file(table))
    names = [word for shape in SHAPES[table.name] for word in ("--architecture", shape)]
    ended = train(folder, "--data", str(file), "--target", table.target, *table.options, *names, *QUICK)
    assert ended.returncode == 0, ended.stderr
    return read_cards(folder)


@pytest.mark.slow
@pytest.mark.parametrize("table", [table for table in TABLES if table.name in CHOSEN], ids=lambda table: table.name)
def test_a_public_table_is_trained_and_served_as_it_is(table: PublicTable, tmp_path: Path) -> None:
    cards = release_of(table, tmp_path)
    assert set(cards) == {shape.partition("=")[0] for shape in SHAPES[table.name]}
    for card in cards.values():
        assert card.target.classes == CLASSES[table.name]
    assert largest_difference(cards, tmp_path, tmp_path / "serve.log") <= PARITY_TOLERANCE
