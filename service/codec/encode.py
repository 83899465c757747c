"""Arrays in, bytes out, in the media type that the client asked for. Pure."""

import csv
import io
from collections.abc import Sequence
from http import HTTPStatus

import numpy as np
import orjson
from numpy.typing import NDArray

from service.codec.problems import Problem
from service.contract.routes import CSV_MEDIA_TYPE, JSON_MEDIA_TYPE, NPY_MEDIA_TYPE

OFFERED = {JSON_MEDIA_TYPE: "application/*", NPY_MEDIA_TYPE: "application/*", CSV_MEDIA_TYPE: "text/*"}
"""Media types of answers, the preferred one first, and the range that each lies in."""
LABEL = "label"
"""Heading of the classes' names."""
LINE_END = "\r\n"
"""RFC 4180, section 2."""


def negotiate(accept: str | None) -> str:
    """Return the media type to answer in (RFC 9110, section 12.5.1): JSON unless another is preferred.

    accept: the header's value. Raises Problem 406 if it allows none.
    """
    if accept is None or accept in ("*/*", JSON_MEDIA_TYPE):
        return JSON_MEDIA_TYPE
    weights = _weights(accept)
    quality = {  # the most specific range that is named decides
        media_type: next((weights[name] for name in (media_type, kin, "*/*") if name in weights), 0.0)
        for media_type, kin in OFFERED.items()
    }
    best = max(quality, key=lambda media_type: quality[media_type])  # the first, JSON, where they are equal
    if quality[best] <= 0:
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept must allow one of {', '.join(OFFERED)}, however: {accept[:100]!r}.",
            rule="accept",
        )
    return best


def _weights(accept: str) -> dict[str, float]:
    weights = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            weights[name] = 0.0
    return weights


def encode_json(members: dict[str, object]) -> bytes:
    """Members, arrays among them -> a JSON object. float32 values are written with the digits that they need."""
    return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_npy(values: NDArray[np.float32]) -> bytes:
    """Array of any shape -> a ``.npy`` file of float32."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def encode_csv(values: NDArray[np.float32], headings: Sequence[str], labels: Sequence[str] | None) -> bytes:
    """(n,) or (n, k) numbers -> CSV with a header, in JSON's digits. labels: one for each row, in a last column."""
    numbers = orjson.dumps(values.reshape(len(values), -1), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    lines = numbers[2:-2].split("],[")
    header = _line([*headings, LABEL] if labels is not None else headings)
    if labels is not None:
        quoted = {label: _line([label]) for label in set(labels)}
        lines = [f"{line},{quoted[label]}" for line, label in zip(lines, labels, strict=True)]
    return LINE_END.join([header, *lines, ""]).encode()


def _line(cells: Sequence[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(cells)
    return stream.getvalue()
