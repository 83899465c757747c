"""What reading a body takes, and what its strictness costs. Run: make bench-decoding.

Microseconds, the least of several runs: lenient is simdjson into an array with no check but for its shape; orjson is
orjson and NumPy with no check at all, which take text and booleans for numbers.
"""

import json
import timeit

import numpy as np
import orjson
import simdjson
from rich.console import Console
from rich.table import Table

from service.codec.decode import decode_json
from service.codec.rows import features_input

WIDTH = 230
RUNS = 7
SECONDS = 0.2
EXPECTED = features_input([str(column) for column in range(WIDTH)], 4096)


def lenient(body: bytes) -> None:
    """Take the numbers in whatever shape fits."""
    numbers = np.frombuffer(simdjson.Parser().parse(body)["features"].as_buffer(of_type="d"))  # type: ignore[index, union-attr]
    numbers.reshape(-1, WIDTH).astype(np.float32)


def with_orjson(body: bytes) -> None:
    """What most services do."""
    np.array(orjson.loads(body)["features"], np.float32)


def strict(body: bytes) -> None:
    """What this service does."""
    decode_json(body, EXPECTED)


def main() -> None:
    """Time the three in turn for a few sizes."""
    table = Table(title="Microseconds to read a JSON body", title_justify="left")
    for heading in ("rows", "strict", "lenient", "strictness", "orjson"):
        table.add_column(heading, justify="right")
    rows_of = np.random.default_rng(0).random((1024, WIDTH), np.float32)
    for rows in (1, 64, 1024):
        body = json.dumps({"features": rows_of[:rows].tolist()}).encode()
        times = {way: _least(way, body) for way in (strict, lenient, with_orjson)}
        cost = times[strict] / times[lenient] - 1
        cells = (f"{times[strict]:,.1f}", f"{times[lenient]:,.1f}", f"{cost:+.0%}", f"{times[with_orjson]:,.1f}")
        table.add_row(str(rows), *cells)
    Console(highlight=False).print(table)


def _least(way: object, body: bytes) -> float:
    timer = timeit.Timer("way(body)", globals={"way": way, "body": body})
    number = max(1, int(SECONDS / timer.timeit(1)))
    return min(timer.repeat(RUNS, number)) / number * 1e6


if __name__ == "__main__":
    main()
