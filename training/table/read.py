"""Read a CSV or Parquet file into a ReadTable."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from service.contract.policies import MISSING_SPELLINGS
from training.errors import UserError, first_line
from training.table.values import ColumnValues, ReadOptions, ReadTable


def read(path: Path, options: ReadOptions) -> ReadTable:
    """Return the file's columns. Raise UserError with one line where it is no table."""
    if not path.is_file():
        raise UserError(f"--data must name a file, however: {path} is none. Give the path of a CSV or Parquet file.")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        if parquet:
            table = pa.parquet.read_table(path)
        else:
            spellings = [*MISSING_SPELLINGS, *options.missing]
            convert = pa.csv.ConvertOptions(
                null_values=spellings, strings_can_be_null=True, true_values=[], false_values=[]
            )
            parse = pa.csv.ParseOptions(delimiter=options.separator or ",")
            table = pa.csv.read_csv(path, convert_options=convert, parse_options=parse)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name}: a table must be a readable CSV or Parquet file, however: {first_line(error)}. Mend the file."
        ) from error
    if table.num_rows == 0:
        raise UserError(f"{path.name}: a table must have rows, however: it has a header alone. Add rows.")
    columns = [_values(name, column) for name, column in zip(table.column_names, table.columns, strict=True)]
    place = "row" if parquet else "line"
    first = 1 if parquet else 2
    return ReadTable(
        path.name, "Parquet" if parquet else "CSV", table.num_rows, columns, lambda row: f"{place} {row + first}"
    )


def _values(name: str, column: pa.ChunkedArray) -> ColumnValues:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return ColumnValues(name, numbers=pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan).to_numpy())
    return ColumnValues(name, words=pc.cast(column, pa.string()).combine_chunks().dictionary_encode())
