"""Request bodies, encoded once before the load, and what is read from each answer: whether it is right, and timings.

Pure: no sockets, no Locust.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from loadtest.record.errors import InputError
from loadtest.record.samples import UNTIMED
from loadtest.record.trials import BODIES, Body
from loadtest.target.catalogue import ExampleRows
from service.contract.card import Cell
from service.contract.names import FEATURES, RAW
from service.contract.policies import PARITY_TOLERANCE
from service.contract.routes import JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, predict_raw_route, predict_route

PAYLOADS = 16
"""Different bodies that are sent in turn, so that no cache between client and model can answer for the model."""
PAYLOAD_ROWS = 16_384
"""Rows of all of them: of the largest bodies there are fewer, and none fits into a processor's cache."""
FEWEST_PAYLOADS = 2


@dataclass(frozen=True)
class Payload:
    """One encoded request and the bounds its answer must lie in.

    ``low``, ``high``: (n,) float64, or (n, k) of the probabilities of three and more classes.
    """

    body: bytes
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


@dataclass(frozen=True)
class RequestKind:
    """All that one load asks: where, in which media type, with which bodies, and what must come back."""

    architecture: str
    release: str
    route: str
    media_type: str
    rows: int
    payloads: tuple[Payload, ...]


def make_request_kind(architecture: str, examples: ExampleRows, body: Body, rows: int, scale: float) -> RequestKind:
    """Encode up to ``PAYLOADS`` bodies of ``rows`` rows each, cut from the examples in turn, repeated if needed.

    scale: the target's standard deviation (1 for a classification): the tolerance of an answer is
    ``PARITY_TOLERANCE * (scale + |expected|)``. Raises InputError where there are no rows to ask for.
    """
    if rows < 1:
        raise InputError(f"rows for each request must be at least 1, however: {rows}. Give --rows 1 or more.")
    if body not in BODIES:
        raise InputError(f"the body must be one of {', '.join(BODIES)}, however: {body!r}. Correct --body.")
    known = len(examples.rows.prediction)
    if known == 0:
        raise InputError(f"the release must carry examples to ask for, however: {architecture} has none. Train again.")
    payloads = min(PAYLOADS, max(FEWEST_PAYLOADS, PAYLOAD_ROWS // rows))
    step = rows + (rows % known == 0)  # else all bodies were the same
    picks = [(np.arange(rows) + k * step) % known for k in range(payloads)]
    return RequestKind(
        architecture=architecture,
        release=examples.release,
        route=predict_raw_route(architecture) if body == "raw" else predict_route(architecture),
        media_type=NPY_MEDIA_TYPE if body == "npy" else JSON_MEDIA_TYPE,
        rows=rows,
        payloads=tuple(_make_payload(examples, body, pick, scale) for pick in picks),
    )


def _make_payload(examples: ExampleRows, body: Body, pick: npt.NDArray[np.int64], scale: float) -> Payload:
    expected = np.array([examples.rows.prediction[i] for i in pick], dtype=np.float64)
    tolerance = PARITY_TOLERANCE * (scale + np.abs(expected))
    values: Sequence[Sequence[Cell]] = examples.rows.raw if body == "raw" else examples.rows.features
    encoded = encode([values[i] for i in pick], body)
    return Payload(body=encoded, low=expected - tolerance, high=expected + tolerance)


def encode(values: Sequence[Sequence[Cell]], body: Body) -> bytes:
    """Encode rows of features (json, npy) or of raw values (raw): text and null among them where the table has them."""
    if body == "npy":
        buffer = io.BytesIO()
        np.save(buffer, np.array(values, dtype=np.float32), allow_pickle=False)
        return buffer.getvalue()
    return orjson.dumps({RAW if body == "raw" else FEATURES: values})


def find_mistake(kind: RequestKind, payload: Payload, content: bytes, release: str | None) -> str | None:
    """Return what is wrong with the answer ``content`` to ``payload``, or None if nothing is.

    release: the answer's release header. The reasons are few and fixed, so that they can be counted.
    """
    if release != kind.release:
        return f"answered by release {release}, not {kind.release}"
    try:
        predictions = _decode(kind, content)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, MemoryError):  # the last of a false shape
        return "unreadable answer"
    if predictions.shape != payload.low.shape:
        return "wrong number of predictions"
    # A NaN fails both comparisons, so that it counts as wrong.
    if not ((predictions >= payload.low) & (predictions <= payload.high)).all():
        return "wrong value"
    return None


def _decode(kind: RequestKind, content: bytes) -> npt.NDArray[np.float64]:
    if kind.media_type == NPY_MEDIA_TYPE:
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False), dtype=np.float64)
    answer = orjson.loads(content)
    if answer["architecture"] != kind.architecture or answer["release"] != kind.release:
        raise ValueError("answered for another architecture or release")
    return np.array(answer["predictions"], dtype=np.float64)


def parse_timing(header: bytes) -> tuple[float, ...]:
    """Read ``parse;dur=0.1, infer;dur=0.2, write;dur=0.3``: milliseconds, NaN where there are none."""
    if not header:
        return UNTIMED
    try:
        parse, infer, write = (float(part.partition(b"=")[2]) for part in header.split(b","))
    except ValueError:
        return UNTIMED
    return parse, infer, write
