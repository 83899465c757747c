"""Bytes of the Open Inference Protocol <-> tensors. Pure: no sockets, no clocks, no models.

The protocol: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. Binary tensors:
Triton's extension, docs/protocol/extension_binary_data.md in github.com/triton-inference-server/server.
"""

import math
import secrets
from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from service.codec.cells import check_cells
from service.codec.decode import SIMDJSON_ERRORS, are_rows, check_twins, has_brackets, read_not_finite
from service.codec.problems import kind_of, malformed, unprocessable
from service.codec.rows import Input, Rows, check_array, check_count, check_rows, narrow

Members = dict[str, Any]

DATATYPES: dict[type[np.floating[Any]], str] = {np.float32: "FP32", np.float64: "FP64"}
BINARY_SIZE = "binary_data_size"
BINARY_MEDIA_TYPE = "application/octet-stream"
HEADER_LENGTH_HEADER = "Inference-Header-Content-Length"
LONGEST_LENGTH = 15
"""Digits of a length that no body reaches, and that int() still takes."""
PLACE = secrets.token_hex(16)
"""Stands for the numbers that were taken out of a request: text that nobody can have sent."""
PLACE_JSON = orjson.dumps(PLACE)


def split_body(body: bytes, header_length: bytes | None) -> tuple[bytes, bytes]:
    """Divide a body into its JSON and the binary tensors behind it. Raises Problem 400.

    header_length: value of ``Inference-Header-Content-Length``; None means that the whole body is JSON.
    """
    if header_length is None:
        return body, b""
    if not header_length.isdigit() or len(header_length) > LONGEST_LENGTH or int(header_length) > len(body):
        raise malformed(
            f"{HEADER_LENGTH_HEADER} must be the bytes of JSON that the body begins with, however: "
            f"{header_length[:20].decode('latin-1')!r}, of a body of {len(body)} bytes.",
            rule="header-length",
        )
    length = int(header_length)
    # A slice is a copy, and aligned: a view from the middle of a body need not be.
    return body[:length], body[length:]


def take_numbers(head: bytes, expected: Input) -> tuple[bytes, Rows] | None:
    """Take the numbers out of a request's JSON: what is left, with ``PLACE`` where they stood, and they, flat float64.

    None where they can't be told at a glance: whoever reads the whole then finds what is wrong, or only unusual.
    What is left has to be JSON whose one input has ``PLACE`` for its data, or something else was taken.
    """
    begin = head.find(b"[", head.find(b'"data"'))
    nested = head.startswith(b"[[", begin)
    # A list that is JSON up to its first closing bracket holds no other list.
    end = _end_of_rows(head, begin, expected.max_rows) if nested else head.find(b"]", begin) + 1
    data = head[begin:end]
    try:
        values: Any = simdjson.Parser().parse(data)
        # Text, true, false, null and objects end in TypeError here, at any depth; lists are flattened.
        numbers = np.frombuffer(values.as_buffer(of_type="d"))
    except (*SIMDJSON_ERRORS, AttributeError):  # only a list has as_buffer
        return None
    if nested and not (are_rows(values, expected.width) and has_brackets(data, len(values) + 1)):
        return None
    return head[:begin] + PLACE_JSON + head[end:], numbers


def _end_of_rows(head: bytes, begin: int, max_rows: int) -> int:
    """Return where rows end that begin at ``begin``, row by row: to find two bytes at once takes ten times as long."""
    end = begin
    for _ in range(max_rows):
        end = head.find(b"]", end + 1)
        if end < 0 or head.startswith(b"]]", end):
            break
    return end + 2


def read_json(head: bytes) -> Members:
    """Return the members of a request's JSON. Raises Problem 400 or 422.

    NaN, which may say that a value of a table is missing, is read; who takes the numbers refuses it elsewhere.
    """
    try:
        members = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        members = read_not_finite(head)
        if members is None:
            raise malformed(
                f"the body must be JSON (RFC 8259: no NaN, no Infinity, no trailing text), however: {error}. "
                f'Send {{"inputs": [...]}}, and before binary tensors the header {HEADER_LENGTH_HEADER}.',
                rule="json",
            ) from None
    if not isinstance(members, dict):
        raise unprocessable(f"the body must be an object with 'inputs', however: {kind_of(members)}.", rule="members")
    check_twins(head, members)
    return members


def parameters_of(members: Members, whose: str) -> Members:
    """Return the parameters of a request, an input or an output, where null means none. Raises Problem 422."""
    parameters = members.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise unprocessable(
            f"'parameters' of {whose} must be an object, however: {kind_of(parameters)}.", rule="members"
        )
    return parameters


def read_rows(tensor: Members, rows: int, behind: bytes, expected: Input) -> Rows:
    """Return an input's numbers: (rows, width) of the input's dtype. Raises Problem 422.

    tensor: its members, checked. behind: what follows the JSON.
    """
    data = tensor.get("data")
    if data is None:
        return check_array(_from_binary(behind, tensor["parameters"][BINARY_SIZE], rows, expected), expected)
    if behind:
        raise unprocessable(
            f"bytes behind the JSON must belong to an input with the parameter '{BINARY_SIZE}', however: "
            f"{len(behind)} follow and '{expected.key}' has 'data'.",
            rule="data",
        )
    return _from_lists(data, rows, expected)


def check_tensor(tensor: Members, expected: Input) -> int:
    """Check all of an input but its numbers, and return its rows. Raises Problem 422."""
    _check_datatype(tensor.get("datatype"), expected)
    data, size = tensor.get("data"), parameters_of(tensor, "the input").get(BINARY_SIZE)
    if (data is None) == (size is None):
        raise unprocessable(
            f"input '{expected.key}' must hold its numbers either in 'data' or, with the parameter '{BINARY_SIZE}', "
            f"behind the JSON, however: {'neither' if data is None else 'both'} is given.",
            rule="data",
        )
    return _check_shape(tensor.get("shape"), expected)


def _check_datatype(datatype: object, expected: Input) -> None:
    wanted = DATATYPES[expected.dtype]
    if datatype != wanted:
        raise unprocessable(
            f"input '{expected.key}' must have the datatype {wanted}, however: {kind_of(datatype)}. "
            f"Convert it to {np.dtype(expected.dtype).name}.",
            rule="datatype",
        )


def _check_shape(shape: object, expected: Input) -> int:
    """Return the rows of a shape [rows, width]."""
    sizes = isinstance(shape, list) and [type(size) for size in shape] == [int, int]
    if not sizes or shape[1] != expected.width:  # type: ignore[index]
        raise unprocessable(
            f"input '{expected.key}' must have the shape [rows, {expected.width}], however: "
            f"{shape if sizes else kind_of(shape)}.",
            rule="shape",
        )
    rows: int = shape[0]  # type: ignore[index]
    if rows < 0:
        raise unprocessable(
            f"the shape of input '{expected.key}' must count the rows that are sent, however: {rows}, which stands for "
            "any number in a model's metadata alone. Send their number.",
            rule="shape",
        )
    check_count(rows, expected)
    return rows


def _from_binary(binary: bytes, size: object, rows: int, expected: Input) -> Rows:
    dtype = np.dtype(expected.dtype).newbyteorder("<")
    wanted = rows * expected.width * dtype.itemsize
    if size != wanted or len(binary) != wanted:
        raise unprocessable(
            f"input '{expected.key}' of shape [{rows}, {expected.width}] must be sent as {wanted} bytes, however: "
            f"'{BINARY_SIZE}' is {kind_of(size)} and {len(binary)} bytes follow the JSON that {HEADER_LENGTH_HEADER} "
            "measures.",
            rule="binary-size",
        )
    return np.frombuffer(binary, dtype).reshape(rows, expected.width)


def arrange(numbers: Rows, rows: int, expected: Input) -> Rows:
    """(rows * width) numbers -> (rows, width) of the input's dtype. Raises Problem 422."""
    _check_size(len(numbers), rows, expected)
    return narrow(numbers.reshape(rows, expected.width), expected)


def _from_lists(data: object, rows: int, expected: Input) -> Rows:
    """Find the value that breaks a rule, and read what was only unusual."""
    if isinstance(data, list) and not (data and isinstance(data[0], list)):
        _check_size(len(data), rows, expected)
        data = [data[start : start + expected.width] for start in range(0, len(data), expected.width)]
    columns = expected.columns
    if columns is None or columns.plain:
        values = check_rows(data, expected)
    else:
        if isinstance(data, list):
            data = [list(map(none_for_nan, row)) if isinstance(row, list) else row for row in data]
        values = check_cells(data, columns, expected, finite=False)
    if len(values) != rows:
        _check_size(values.size, rows, expected)
    return values


def none_for_nan(cell: object) -> object:
    """Return None for NaN, which is how a tensor says that a value is missing."""
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def _check_size(found: int, rows: int, expected: Input) -> None:
    if found != rows * expected.width:
        raise unprocessable(
            f"input '{expected.key}' of shape [{rows}, {expected.width}] must hold {rows * expected.width} values, "
            f"however: {found}.",
            rule="data-size",
        )


def write(members: Members, output: str, values: NDArray[np.float32], *, binary: bool) -> tuple[bytes, int | None]:
    """Return the bytes of an answer with its one output, and of binary ones how many are JSON.

    values: any shape, float32.
    """
    tensor: Members = {"name": output, "datatype": DATATYPES[np.float32], "shape": values.shape}
    tensor |= {"parameters": {BINARY_SIZE: values.nbytes}} if binary else {"data": values.ravel()}
    head = orjson.dumps({**members, "outputs": [tensor]}, option=orjson.OPT_SERIALIZE_NUMPY)
    return (head + values.astype("<f4", copy=False).tobytes(), len(head)) if binary else (head, None)
