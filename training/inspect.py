"""Look at a table as `fit` would, without training: its columns, what is left out, what is suspicious, its size."""

from training.columns.decide import decide_table, split_at_random
from training.columns.decided import DecidedTable
from training.errors import UserError
from training.options import TrainingOptions
from training.table.memory import fits
from training.table.read import read_files
from training.table.reading_options import refuse_for_parquet
from training.table.table_files import TableFiles, open_table
from training.table.values import ReadTable


def look_at_table(options: TrainingOptions) -> DecidedTable:
    """Decide the columns of ``options.data``, with the split of ``fit``. Raise UserError with one line."""
    files = open_files(options)
    if fits(files, options.memory):
        return decide_columns(read_files(files, options.read), options)
    from training.stream.first_pass.learn import learn_columns

    return learn_columns(files, options).decided


def read_table(options: TrainingOptions) -> ReadTable:
    """Read ``options.data`` into memory. Raise UserError with one line, also where that is not enough."""
    files = open_files(options)
    if not fits(files, options.memory):
        raise UserError(
            f"{files.name}: a table for {options.command} must fit into memory, however: it takes more than "
            f"{options.memory:,} bytes. Give fewer rows, or raise --memory."
        )
    return read_files(files, options.read)


def open_files(options: TrainingOptions) -> TableFiles:
    """Open ``options.data``. Raise UserError with one line."""
    if options.data is None:
        raise ValueError("a table must be named, however: options.data is None")
    files = open_table(options.data, options.read)
    if not files.is_csv:
        refuse_for_parquet(options.read)
    return files


def decide_columns(table: ReadTable, options: TrainingOptions) -> DecidedTable:
    """Decide a table's columns, with the split of ``fit``. Raise UserError with one line."""
    return decide_table(
        table,
        target=options.target,
        task=options.task,
        options=options.columns,
        split_rows=split_at_random(source=table.source, test_fraction=options.test_fraction, seed=options.seed),
    )
