"""The target of rows that are scored, where a file has it: what was predicted, to be set beside the predictions."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.contract.card import ModelCard
from training.columns.codes import as_numbers, as_words
from training.columns.words import read_words
from training.table.open import TableFile
from training.table.values import ColumnValues


def code_target(cells: pa.Array, source: TableFile, card: ModelCard) -> tuple[NDArray[np.float64], int]:
    """Return (n,) float64, a number or a class's place, NaN where there is none; and how many could not be used.

    Those are words where a number is predicted, and classes that training never saw.
    """
    name = card.target.name
    numbers = source.numbers(cells)
    values = None if numbers is None else numbers.to_numpy(zero_copy_only=False)
    column = ColumnValues(name, numbers=values) if values is not None else ColumnValues(name, words=source.words(cells))
    if card.task == "regression":
        target = as_numbers(column, decimal=source.rules.decimal)
        present = len(target) if column.words is None else int(pc.sum(column.words.is_valid()).as_py() or 0)
        unusable = 0 if column.words is None else present - int(np.count_nonzero(~np.isnan(target)))
        return target, unusable
    words = read_words(as_words(column))
    known = pc.index_in(words.distinct.cast(pa.string()), value_set=pa.array(card.target.classes))
    place_of = np.append(pc.cast(known, pa.float64()).to_numpy(zero_copy_only=False), np.nan)
    places = place_of[words.positions]
    return places, int(np.count_nonzero((words.positions >= 0) & np.isnan(places)))
