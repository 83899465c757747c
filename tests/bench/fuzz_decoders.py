"""Bodies and headers, broken in every way that reaches new code; what is read is compared with slow and strict readers.

Run: make fuzz. atheris (libFuzzer) mutates good bodies, and goes on from those that took a way not taken before.
"""

import argparse
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np
import orjson
import psutil

with atheris.instrument_imports(include=["service"], enable_loader_override=False):
    from service.answers.exchange import _decoder
    from service.codec.column_tensors import make_reader
    from service.codec.decode import decode_csv, decode_json, decode_npy, read_not_finite
    from service.codec.encode import encode_npy, negotiate
    from service.codec.infer_request import Reader
    from service.codec.problems import Problem
    from service.codec.rows import Input, Rows, check_rows, features_input, raw_input
    from service.contract.names import RECORDS
    from service.contract.routes import CSV_MEDIA_TYPE, JSON_MEDIA_TYPE, NPY_MEDIA_TYPE
    from tests.raw_columns import mixed_columns, number_columns

DEFAULT_CASES = 2_000_000
DEFAULT_SEED = 1
LONGEST_BYTES = 700
"""Enough for every row that is allowed here, and for the header of a file."""
WARM_UP = 0.5
"""Share of the cases in which libFuzzer fills its memory of good inputs; after it, memory is to stay where it is."""
GROWTH_MIB = 8.0

NAMES = ("a", "b", "c")
FEATURES, RAW = features_input(NAMES, max_rows=4), raw_input(number_columns(NAMES), max_rows=4)
MIXED = raw_input(mixed_columns(), max_rows=4)
MIXED_ROWS: list[list[object]] = [[30, 52e3, "Yes", True, "Rom", "pro"], [18.5, None, "No", None, "Oslo, N", None]]
COLUMNS_READER = make_reader(MIXED)
READERS = {takes.key: Reader(takes) for takes in (FEATURES, RAW)}
ROWS = [[0.0, -0.5, 1e3], [3, 2.5e-7, -12]]
TOKENS = [
    *(b'"features"', b'"raw"', b"[[", b"]]", b"],[", b"1e400", b"-0", b"NaN", b"null", b"true", b'"1"', b"{}"),
    *(b"\\u0066", b"3.5e38", b"18446744073709551616", b"\xef\xbb\xbf", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"),
    *(b"'descr'", b"'shape'", b"(1, 3)", b"(-1, 3)", b"(True, 3)", b"3L", b"True", b"False", b"----", b"(((("),
    *(b'"records"', b'"Rom"', b"BYTES", b"BOOL", b"FP64", b"\r\n", b"NA", b"yes", b"labels=true"),
    *(b"<f4", b"<f8", b">f8", b"|O", b"f4,f4", b"q=0", b"q=nan", b"*/*", b"application/*", b"charset=utf-8"),
    *(b'"shape"', b'"data"', b'"inputs"', b'"parameters"', b'"binary_data_size"', b'"FP32"', b"[1,3]", b'"outputs"'),
    *(JSON_MEDIA_TYPE.encode(), NPY_MEDIA_TYPE.encode()),
]

Reading = Rows | int
"""What a reader made of a body: rows, or the status of its refusal."""


class WrongAnswerError(Exception):
    """An input was read as it must not be read."""


def check_json(body: bytes, takes: Input) -> bool:
    """Whether ``body`` was accepted: by the decoder as by orjson and a walk through every value, with the same bits."""
    found, known = _read(lambda: decode_json(body, takes)), _read_strictly(body, takes)
    statuses = isinstance(found, int) and isinstance(known, int) and (found, known) == (422, 400)
    if statuses and takes.columns is not None and read_not_finite(body) is not None:
        return False  # NaN, Infinity or 1e400, which are told with their place
    return _agree(found, known, takes)


def check_npy(body: bytes, takes: Input) -> bool:
    """Whether ``body`` was accepted: with the same bits as NumPy's own reader."""
    found = _read(lambda: decode_npy(body, takes))
    known = found if isinstance(found, int) else np.load(io.BytesIO(body), allow_pickle=False).astype(takes.dtype)
    return _agree(found, known, takes)


def check_cells(body: bytes, takes: Input) -> bool:
    """Whether ``body`` was accepted: as rows of a table with gaps, none of them infinite."""
    return _has_rows(_read(lambda: decode_json(body, takes)), takes)


def check_csv(body: bytes, takes: Input) -> bool:
    """Whether ``body`` was accepted as CSV."""
    return _has_rows(_read(lambda: decode_csv(body, takes)), takes)


def check_columns(line: bytes, takes: Input) -> bool:
    """Whether a header's line and the body behind it were accepted as /v2 has a table's columns."""
    length, _, body = line.partition(b"\n")
    return _has_rows(_read(lambda: COLUMNS_READER.read(body, length or None).rows), takes)


def _has_rows(found: Reading, takes: Input) -> bool:
    if isinstance(found, int):
        return False
    if found.shape[1] != takes.width or not 1 <= len(found) <= takes.max_rows or np.isinf(found).any():
        raise WrongAnswerError(f"{found!r}")
    return True


def check_headers(line: bytes, takes: Input) -> bool:
    """Whether Content-Type and Accept, on a line each, were agreed to: then to a media type of the contract."""
    content_type, _, accept = line.partition(b"\n")
    try:
        _decoder(content_type, None)
        answered = negotiate(accept.decode("latin-1"))
    except Problem as problem:
        _check_status(problem.status)
        return False
    if answered not in (JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, CSV_MEDIA_TYPE):
        raise WrongAnswerError(f"{answered!r} is no media type of the contract")
    return True


def check_inference(line: bytes, takes: Input) -> bool:
    """Whether a header's line and the body behind it were accepted as /v2 has it: with the bits that were sent."""
    length, _, body = line.partition(b"\n")
    found = _read(lambda: READERS[takes.key].read(body, length or None).rows)
    return _agree(found, found if isinstance(found, int) else _sent(length, body, takes), takes)


def _sent(length: bytes, body: bytes, takes: Input) -> Rows:
    """Numbers of an inference request that was accepted."""
    size = int(length) if length else len(body)
    tensor = orjson.loads(body[:size])["inputs"][0]
    if tensor.get("data") is None:
        return np.frombuffer(body[size:], np.dtype(takes.dtype)).reshape(-1, takes.width)
    return np.array(tensor["data"], np.float64).reshape(-1, takes.width).astype(takes.dtype)


# The first byte of an input says which.
TARGETS: dict[bytes, tuple[str, Callable[[bytes, Input], bool], Input]] = {
    b"f": ("JSON features", check_json, FEATURES),
    b"r": ("JSON raw", check_json, RAW),
    b"n": (".npy features", check_npy, FEATURES),
    b"v": ("/v2", check_inference, FEATURES),
    b"m": ("JSON cells", check_cells, MIXED),
    b"c": ("CSV", check_csv, MIXED),
    b"w": ("/v2 columns", check_columns, MIXED),
    b"h": ("headers", check_headers, RAW),
}


def seeds() -> list[bytes]:
    """Good inputs for each target."""
    features, raw = (orjson.dumps({takes.key: ROWS}) for takes in (FEATURES, RAW))
    file = encode_npy(np.array(ROWS, np.float32))
    tensor = {"name": FEATURES.key, "datatype": "FP32", "shape": [2, 3]}
    numbers = orjson.dumps({"id": "1", "inputs": [{**tensor, "data": ROWS}], "outputs": [{"name": "prediction"}]})
    head = orjson.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": 24}}]})
    binary = b"v%d\n%b%b" % (len(head), head, np.array(ROWS, "<f4").tobytes())
    line = f"{JSON_MEDIA_TYPE}; charset=utf-8\n{NPY_MEDIA_TYPE};q=0.5, */*;q=0.1".encode()
    records = [dict(zip(MIXED.names, row, strict=True)) for row in MIXED_ROWS]
    mixed = [b"m" + orjson.dumps(body) for body in ({"raw": MIXED_ROWS}, {"records": records})]
    named = b"r" + orjson.dumps({"records": [dict(zip(NAMES, row, strict=True)) for row in ROWS]})
    table = b'ccity,age,income,member,active,plan\nRom,30,NA,yes,1,pro\n"Oslo, N",1,2,no,,NA\n'
    kinds = ("FP64", "FP64", "BYTES", "BOOL", "BYTES", "BYTES")
    tensors = [
        {"name": name, "datatype": kind, "shape": [2], "data": [row[place] for row in MIXED_ROWS]}
        for place, (name, kind) in enumerate(zip(MIXED.names, kinds, strict=True))
    ]
    columns = b"w\n" + orjson.dumps({"inputs": tensors})
    rows = [b"f" + features, b"r" + raw, named, b"n" + file, *mixed, table]
    return [*rows, b"v\n" + numbers, binary, columns, b"h" + line]


def _read(decode: Callable[[], Rows]) -> Reading:
    try:
        return decode()
    except Problem as problem:
        return _check_status(problem.status)


def _check_status(status: int) -> int:
    if not 400 <= status < 500:
        raise WrongAnswerError(f"refused with {status}")
    return int(status)


def _read_strictly(body: bytes, takes: Input) -> Reading:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 400
    if takes.columns is not None and isinstance(document, dict) and document.keys() == {RECORDS}:
        return _read_records(document[RECORDS], takes)
    if not isinstance(document, dict) or document.keys() != {takes.key}:
        return 422
    return _read(lambda: check_rows(document[takes.key], takes))


def _read_records(records: object, takes: Input) -> Reading:
    if not isinstance(records, list) or any(
        not isinstance(record, dict) or record.keys() != set(takes.names) for record in records
    ):
        return 422
    return _read(lambda: check_rows([[record[name] for name in takes.names] for record in records], takes))


def _agree(found: Reading, known: Reading, takes: Input) -> bool:
    if isinstance(found, int) or isinstance(known, int):
        if not (isinstance(found, int) and isinstance(known, int) and found == known):
            raise WrongAnswerError(f"{found!r}, however: {known!r}")
        return False
    if not (found.dtype == takes.dtype and found.flags.c_contiguous and np.isfinite(found).all()):
        raise WrongAnswerError(f"{found!r} of {found.dtype}")
    if not (found.shape == known.shape and 1 <= len(found) <= takes.max_rows and found.shape[1] == takes.width):
        raise WrongAnswerError(f"shape {found.shape}, however: {known.shape}")
    if found.tobytes() != known.tobytes():
        raise WrongAnswerError(f"{found!r}, however: {known!r}")
    return True


class Run:
    """Counts what is asked, and ends the process when it is enough: libFuzzer never returns."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._done = 0
        self._found: Counter[tuple[str, bool]] = Counter()
        self._process = psutil.Process()
        self._settled_mib = 0.0

    def ask(self, data: bytes) -> None:
        """Put one input to the target that it names; raise what must not happen."""
        name, check, takes = TARGETS.get(data[:1], TARGETS[b"f"])
        try:
            self._found[name, check(data[1:], takes)] += 1
        except Exception:
            print(f"{name}: {data[1:]!r}", flush=True)
            raise
        self._done += 1
        if self._done == int(self._cases * WARM_UP):
            self._settled_mib = self._resident_mib()
        if self._done == self._cases:
            self._end()

    def _resident_mib(self) -> float:
        return float(self._process.memory_info().rss) / 2**20

    def _end(self) -> None:
        for name, _, _ in TARGETS.values():
            print(f"{name}: {self._found[name, True]} accepted, {self._found[name, False]} refused")
        growth = self._resident_mib() - self._settled_mib
        print(f"{self._done} inputs; memory {self._settled_mib:.1f} MiB, then {growth:+.1f} MiB", flush=True)
        os._exit(int(growth > GROWTH_MIB))


def main() -> None:
    """Mutate and check until enough is done; exit 1 if memory grew, and as libFuzzer does at a wrong answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=DEFAULT_CASES, help=f"inputs to make ({DEFAULT_CASES})")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        for index, seed in enumerate(seeds()):
            (folder / "corpus" / str(index)).write_bytes(seed)
        quoted = ["".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS]
        (folder / "tokens").write_text("".join(f'"{token}"\n' for token in quoted))
        flags = [f"-seed={options.seed}", f"-max_len={LONGEST_BYTES}", f"-dict={folder}/tokens", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={folder}/", f"{folder}/corpus"], Run(options.cases).ask)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
