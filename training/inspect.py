"""Look at a table as `fit` would, without training: its columns, what is left out, what is suspicious, its size."""

import pyarrow as pa

from training.columns.decide import DecidedTable, decide_table
from training.options import TrainingOptions
from training.table.read import read
from training.table.values import ReadTable


def look_at_table(options: TrainingOptions) -> DecidedTable:
    """Read ``options.data`` and decide its columns, with the split of ``fit``. Raise UserError with one line."""
    return decide_columns(read_table(options), options)


def read_table(options: TrainingOptions) -> ReadTable:
    """Read ``options.data``. Raise UserError with one line."""
    if options.data is None:
        raise ValueError("a table must be named, however: options.data is None")
    table = read(options.data, options.read)
    pa.default_memory_pool().release_unused()  # what the reader's blocks took: 50 MB of a large file
    return table


def decide_columns(table: ReadTable, options: TrainingOptions) -> DecidedTable:
    """Decide a table's columns, with the split of ``fit``. Raise UserError with one line."""
    return decide_table(
        table,
        target=options.target,
        task=options.task,
        options=options.columns,
        test_fraction=options.test_fraction,
        seed=options.seed,
    )
