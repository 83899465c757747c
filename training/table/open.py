"""A file is opened: looked at once, and its columns named. The files of a table together: ``table_files``."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from training.errors import UserError, quoted, write_option
from training.table.cells import CellRules
from training.table.csv.csv_file import CsvFile
from training.table.csv.look import look
from training.table.formats import recognise
from training.table.parquet_file import ParquetFile, open_parquet
from training.table.values import ReadOptions

UNNAMED_FIRST = "Unnamed: 0"
"""pandas' name for a first column without one, as it writes its row numbers."""
TableFile = CsvFile | ParquetFile
"""A file whose columns, numbered in their order, can be read block by block, and again."""


def open_file(path: Path, options: ReadOptions) -> TableFile:
    """Look at ``path``. Raise UserError for a file, or for names of columns, that can't be read or are in doubt."""
    if options.decimal not in {None, ".", ","}:
        raise UserError(f"--decimal must be '.' or ',', however: {quoted(str(options.decimal))}. Give one of these.")
    rules = CellRules("," if options.decimal == "," else ".", options.missing)
    head = recognise(path)
    if head.parquet:
        file = open_parquet(path, options, rules)
        return replace(file, names=_name_columns(path, file.names, options))
    looked = look(path, head, options)
    names = _name_columns(path, looked.names, options)
    dropped = [column for column, name in enumerate(names) if name and not options.wants(name)]
    csv_file = CsvFile(looked, names, rules, dropped=dropped, decimal_given=options.decimal is not None)
    csv_file.check_head()
    return csv_file


def _name_columns(path: Path, names: list[str], options: ReadOptions) -> list[str]:
    """Return the names, '' for columns at the end that have none. Raise UserError for those that can't be kept."""
    named = len(names)
    while named > 1 and not names[named - 1]:
        named -= 1
    kept = [names[0] or UNNAMED_FIRST, *names[1:]]
    if "" in kept[:named]:
        raise UserError(
            f"{path.name}: each column must have a name, however: column {kept.index('') + 1} has none. "
            "Name it, or delete the column."
        )
    twice = [name for name, times in Counter(kept[:named]).items() if times > 1 and options.wants(name)]
    if twice:
        raise UserError(
            f"{path.name}: column names must differ, however: {quoted(twice[0])} stands {kept.count(twice[0])} times. "
            f"Rename one, give {write_option('--drop', twice[0])} or, where the first line is data, --no-header."
        )
    return kept
