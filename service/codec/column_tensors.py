"""An inference request whose inputs are the columns of a table, a tensor each, as MLServer's clients send tables. Pure.

BYTES behind the JSON: each element is its length, 4 bytes little-endian, and so many bytes (Triton's extension).
"""

import math
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from service.codec.cells import ReadRow, code_closely, code_columns, place_cells
from service.codec.columns import Column, Columns
from service.codec.infer_request import INPUT_MEMBERS, Inference, Reader, check_members, read_frame
from service.codec.problems import MOST_FAULTS, SHOWN_CHARACTERS, Fault, Problem, kind_of, unprocessable
from service.codec.rows import Input, Rows, check_count, refuse
from service.codec.tensors import BINARY_SIZE, DATATYPES, Members, none_for_nan, parameters_of, read_json, split_body

BYTES, BOOL = "BYTES", "BOOL"
INT64_LIMIT = 2.0**63
WHOLE: dict[str, np.dtype[Any]] = {"INT64": np.dtype("<i8"), "INT32": np.dtype("<i4")}
NUMBERS: dict[str, np.dtype[Any]] = {"FP64": np.dtype("<f8"), "FP32": np.dtype("<f4"), **WHOLE}
"""The types that columns of a data frame have, whatever it was made of."""
LENGTH = struct.Struct("<I")
NO_TEXT = frozenset({""})
"""BYTES that say that a value is missing."""


def datatypes_of(column: Column) -> tuple[str, ...]:
    """Return the datatypes that a column's tensor may have, the one that is described first."""
    if column.kind == "category":
        return (BYTES,)
    if column.kind == "boolean":
        return (BOOL, BYTES, *NUMBERS) if float in column.types else (BOOL, BYTES)
    return tuple(NUMBERS)


def describe_inputs(expected: Input) -> list[Members]:
    """Return the tensors of an input, as metadata lists them."""
    if expected.cells is None:
        return [{"name": expected.key, "datatype": DATATYPES[expected.dtype], "shape": [-1, expected.width]}]
    return [
        {"name": column.name, "datatype": datatypes_of(column)[0], "shape": [-1]} for column in expected.cells.columns
    ]


def make_reader(expected: Input) -> "Reader | ColumnsReader":
    """Return what reads the requests for an input: one tensor of numbers, or a tensor for each column."""
    return Reader(expected) if expected.cells is None else ColumnsReader(expected, expected.cells)


class ColumnsReader:
    """Reads the requests of a model that takes a table's columns."""

    def __init__(self, expected: Input, columns: Columns) -> None:
        self._expected = expected
        self._columns = columns

    def read(self, body: bytes, header_length: bytes | None) -> Inference:
        """Read a whole body. Raises Problem 400 or 422.

        header_length: value of ``Inference-Header-Content-Length``, where it was sent.
        """
        head, behind = split_body(body, header_length)
        members = read_json(head)
        echo, binary = read_frame(members)
        tensors = self._by_name(members.get("inputs"))
        counts = {name: self._check(name, tensor) for name, tensor in tensors.items()}
        ((rows, _),) = Counter(counts.values()).most_common(1)  # where one differs, it is the one to be named
        for name, count in counts.items():
            if count != rows:
                raise _refuse("shape", name, f"have as many rows as the others, {rows}", f"{count}")
        cells = {}
        for name, tensor in tensors.items():  # in their order, which is that of what follows the JSON
            cells[name], behind = self._read_cells(name, tensor, rows, behind)
        if behind:
            raise unprocessable(
                f"bytes behind the JSON must belong to an input with the parameter '{BINARY_SIZE}', however: "
                f"{len(behind)} follow the last.",
                rule="data",
            )
        return Inference(self._code([cells[name] for name in self._columns.names], tensors), echo, binary)

    def _by_name(self, tensors: object) -> dict[str, Members]:
        if not isinstance(tensors, list) or not all(isinstance(tensor, dict) for tensor in tensors):
            raise unprocessable(
                f"'inputs' must be a list of {len(self._columns.names)} tensors, one for each column, however: "
                f"{kind_of(tensors)}.",
                rule="inputs",
            )
        found: dict[str, Members] = {}
        for tensor in tensors:
            name = tensor.get("name")
            if not isinstance(name, str) or name not in self._columns.places or name in found:
                again = " a second time" if isinstance(name, str) and name in found else ""
                why = self._columns.outside.get(name) if isinstance(name, str) else None
                raise self._wrong_inputs(f"{kind_of(name)}{again}" + (f", which {why}" if why else ""))
            found[name] = tensor
        if lacking := [name for name in self._columns.names if name not in found]:
            raise self._wrong_inputs(f"{lacking[0]!r} is lacking")
        return found

    def _wrong_inputs(self, fact: str) -> Problem:
        return unprocessable(
            f"'inputs' must be one tensor for each of {len(self._columns.names)} columns, by name, however: {fact}. "
            "The model's metadata lists them.",
            rule="inputs",
        )

    def _check(self, name: str, tensor: Members) -> int:
        """Check all of an input but its values, and return its rows."""
        check_members(tensor, INPUT_MEMBERS, "the input")
        datatypes = datatypes_of(self._columns.columns[self._columns.places[name]])
        datatype = tensor.get("datatype")
        if datatype not in datatypes:
            raise _refuse("datatype", name, f"have the datatype {' or '.join(datatypes)}", kind_of(datatype))
        if (tensor.get("data") is None) == (parameters_of(tensor, "the input").get(BINARY_SIZE) is None):
            rule = f"hold its values either in 'data' or, with the parameter '{BINARY_SIZE}', behind the JSON"
            raise _refuse("data", name, rule, f"{'neither' if tensor.get('data') is None else 'both'} is given")
        shape = tensor.get("shape")
        sizes = isinstance(shape, list) and [type(size) for size in shape] in ([int], [int, int])
        if not sizes or shape[1:] not in ([], [1]):  # type: ignore[index]
            raise _refuse("shape", name, "have the shape [rows] or [rows, 1]", str(shape) if sizes else kind_of(shape))
        rows: int = shape[0]  # type: ignore[index]
        check_count(rows, self._expected)
        return rows

    def _read_cells(self, name: str, tensor: Members, rows: int, behind: bytes) -> tuple[list[object], bytes]:
        """Return an input's values as JSON would have them, and what is left behind the JSON."""
        data = tensor.get("data")
        if data is not None:
            return _from_json(name, data, rows), behind
        size = tensor["parameters"][BINARY_SIZE]
        if type(size) is not int or not 0 <= size <= len(behind):
            raise _refuse("binary-size", name, f"be sent as the bytes that '{BINARY_SIZE}' says", kind_of(size))
        return list(_from_binary(name, behind[:size], tensor["datatype"], rows)), behind[size:]

    def _code(self, cells: list[list[object]], tensors: dict[str, Members]) -> Rows:
        columns = self._columns
        self._check_whole(cells, tensors)
        missing = [
            _mark_missing(values, tensors[column.name]["datatype"])
            for column, values in zip(columns.columns, cells, strict=True)
        ]
        rows = list(zip(*missing, strict=True))
        coded = code_columns(rows, columns)
        if coded is not None and not np.isinf(coded).any():
            return coded
        as_text = [column.kind == "boolean" and tensors[column.name]["datatype"] == BYTES for column in columns.columns]

        def read_row(index: int, row: tuple[object, ...]) -> ReadRow:
            codes = (
                column.code_text(cell, NO_TEXT) if text and isinstance(cell, str) else column.code(cell)
                for column, cell, text in zip(columns.columns, row, as_text, strict=True)
            )
            return place_cells(index, row, codes, columns)

        return code_closely(rows, read_row, self._expected)

    def _check_whole(self, cells: list[list[object]], tensors: dict[str, Members]) -> None:
        """Raise Problem 422 for values of whole numbers that are none."""
        faults = [
            Fault("whole", row, place, name, cell, f"is {kind_of(cell)}")
            for place, (name, values) in enumerate(zip(self._columns.names, cells, strict=True))
            if tensors[name]["datatype"] in WHOLE
            for row, cell in enumerate(values)
            if isinstance(cell, float) and math.isfinite(cell) and not (cell.is_integer() and abs(cell) < INT64_LIMIT)
        ]
        if faults:
            raise refuse(sorted(faults, key=lambda fault: fault.row)[: MOST_FAULTS + 1], self._expected)


def _mark_missing(values: list[object], datatype: str) -> list[object]:
    if datatype == BYTES:
        return [None if value == "" else value for value in values]
    return [none_for_nan(value) for value in values]


def _refuse(rule: str, name: str, wanted: str, found: str) -> Problem:
    return unprocessable(f"input {name[:SHOWN_CHARACTERS]!r} must {wanted}, however: {found}.", rule=rule)


def _from_json(name: str, data: object, rows: int) -> list[object]:
    if isinstance(data, list) and data and all(isinstance(row, list) and len(row) == 1 for row in data):
        data = [row[0] for row in data]
    if not isinstance(data, list) or len(data) != rows:
        raise _refuse("data-size", name, f"hold {rows} values", kind_of(data))
    return data


def _from_binary(name: str, binary: bytes, datatype: str, rows: int) -> Iterator[object]:
    if datatype == BYTES:
        yield from _texts(name, binary, rows)
        return
    dtype = NUMBERS.get(datatype, np.dtype("u1"))
    if len(binary) != rows * dtype.itemsize:
        raise _refuse("binary-size", name, f"be sent as {rows * dtype.itemsize} bytes", f"{len(binary)}")
    for value in np.frombuffer(binary, dtype).tolist():
        yield bool(value) if datatype == BOOL and value in (0, 1) else value


def _texts(name: str, binary: bytes, rows: int) -> Iterator[str]:
    place = 0
    for row in range(rows):
        begin = place + LENGTH.size
        size = LENGTH.unpack_from(binary, place)[0] if begin <= len(binary) else len(binary)
        place = begin + size
        if place > len(binary):
            raise _refuse("binary-size", name, f"hold {rows} texts, each after its length", f"it ends in text {row}")
        try:
            yield binary[begin:place].decode()
        except UnicodeDecodeError:
            raise _refuse("data", name, "hold text in UTF-8", f"text {row} is none") from None
    if place != len(binary):
        raise _refuse("binary-size", name, f"hold {rows} texts", f"{len(binary) - place} bytes follow the last")
