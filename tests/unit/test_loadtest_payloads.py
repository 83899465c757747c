"""Bodies that are sent, and the check of what comes back."""

import io
import json

import numpy as np
import pytest

from loadtest.record.errors import InputError
from loadtest.record.trials import Body
from loadtest.target.catalogue import ExampleRows
from loadtest.target.payloads import PAYLOADS, RequestKind, find_mistake, make_request_kind, parse_timing
from service.contract.card import Examples

RELEASE = "20260101t000000-abcdef"
EXAMPLES = ExampleRows(
    release=RELEASE,
    rows=Examples(
        raw=[[float(i), -float(i)] for i in range(5)],
        features=[[i / 8] * 5 for i in range(5)],
        target=[0.0] * 5,
        prediction=[0.1 * i for i in range(5)],
    ),
)


def make_kind(body: Body = "json", rows: int = 3) -> RequestKind:
    return make_request_kind("small", EXAMPLES, body, rows, 1.0)


def json_answer(predictions: object, *, architecture: str = "small", release: str = RELEASE) -> bytes:
    return json.dumps({"predictions": predictions, "architecture": architecture, "release": release}).encode()


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


def test_bodies_take_the_examples_in_turn() -> None:
    kind = make_kind()
    assert (len(kind.payloads), kind.route) == (PAYLOADS, "/predict/small")
    rows = [row for payload in kind.payloads[:2] for row in json.loads(payload.body)["features"]]
    assert rows == [[i / 8] * 5 for i in (0, 1, 2, 3, 4, 0)]


def test_raw_and_npy_bodies() -> None:
    raw = make_kind("raw", rows=1)
    assert (raw.route, json.loads(raw.payloads[2].body)) == ("/predict/small/raw", {"raw": [[2.0, -2.0]]})
    sent = np.load(io.BytesIO(make_kind("npy", rows=2).payloads[0].body))
    assert (sent.dtype, sent.shape) == (np.float32, (2, 5))


def test_a_right_answer_has_no_fault() -> None:
    kind, npy_kind = make_kind(), make_kind("npy")
    assert find_mistake(kind, kind.payloads[0], json_answer([0.0, 0.1, 0.2 + 5e-6]), RELEASE) is None
    assert find_mistake(npy_kind, npy_kind.payloads[0], npy([0.0, 0.1, 0.2]), RELEASE) is None


MIXED = ExampleRows(
    release=RELEASE,
    rows=Examples(
        raw=[[2.5, "red", True], [None, "green", False], [1.0, None, True]],
        features=[[0.5, 1.0], [0.25, 0.0], [1.0, 0.0]],
        target=[0.0, 2.0, 1.0],
        prediction=[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]],
    ),
)


def test_text_and_gaps_are_sent_as_the_table_has_them() -> None:
    kind = make_request_kind("small", MIXED, "raw", 2, 1.0)
    assert json.loads(kind.payloads[0].body) == {"raw": [[2.5, "red", True], [None, "green", False]]}


def test_every_class_of_an_answer_is_checked() -> None:
    kind = make_request_kind("small", MIXED, "raw", 2, 1.0)
    right = [[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]
    assert find_mistake(kind, kind.payloads[0], json_answer(right), RELEASE) is None
    swapped = [[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]]
    assert find_mistake(kind, kind.payloads[0], json_answer(swapped), RELEASE) == "wrong value"
    assert find_mistake(kind, kind.payloads[0], json_answer([0.5, 0.8]), RELEASE) == "wrong number of predictions"


WRONG = [
    (json_answer([0.0, 0.1, 0.21]), RELEASE, "wrong value"),
    (json_answer([0.0, 0.1, float("nan")]), RELEASE, "unreadable answer"),
    (json_answer([0.0, 0.1]), RELEASE, "wrong number of predictions"),
    (json_answer([[0.0, 0.1, 0.2]]), RELEASE, "wrong number of predictions"),
    (json_answer([0.0, 0.1, None]), RELEASE, "wrong value"),
    (json_answer([0.0, 0.1, 0.2], architecture="large"), RELEASE, "unreadable answer"),
    (b'{"predictions": [0.0, 0.1', RELEASE, "unreadable answer"),
    (b"{}", RELEASE, "unreadable answer"),
    (json_answer([0.0, 0.1, 0.2]), "other", f"answered by release other, not {RELEASE}"),
    (json_answer([0.0, 0.1, 0.2]), None, f"answered by release None, not {RELEASE}"),
]


@pytest.mark.parametrize(("content", "release", "fault"), WRONG)
def test_a_wrong_answer_is_named(content: bytes, release: str | None, fault: str) -> None:
    kind = make_kind()
    assert find_mistake(kind, kind.payloads[0], content, release) == fault


def claim_rows(rows: int) -> bytes:
    """The head of a .npy file of so many rows, and no row."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (rows,)})
    return stream.getvalue()


UNREADABLE = {
    "nothing": b"",
    "JSON": json_answer([0.0, 0.1, 0.2]),
    "cut short": npy([0.0, 0.1, 0.2])[:-3],
    "a false shape": claim_rows(10**15),
    "text": npy(["a", "b", "c"]),
    "like an archive": b"PK\x03\x04 but none",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_broken_npy_answer_is_unreadable(content: bytes) -> None:
    kind = make_kind("npy")
    assert find_mistake(kind, kind.payloads[0], content, RELEASE) == "unreadable answer"


def test_the_services_own_times_are_milliseconds_of_three_stages() -> None:
    assert parse_timing(b"parse;dur=0.25, infer;dur=2, write;dur=0.125") == (0.25, 2, 0.125)


@pytest.mark.parametrize("header", [b"", b"total;dur=3", b"parse;dur=1, infer;dur=2", b"parse;dur=a, b;dur=2, c;dur=3"])
def test_any_other_timing_is_none(header: bytes) -> None:
    assert np.isnan(parse_timing(header)).all()
    assert len(parse_timing(header)) == 3


def test_of_the_largest_bodies_there_are_few_but_never_the_same() -> None:
    kind = make_kind("raw", rows=10_000)  # a multiple of the five examples
    first, second = (json.loads(payload.body)["raw"] for payload in kind.payloads)
    assert len(first) == len(second) == 10_000
    assert first != second


def test_no_rows_and_unknown_bodies_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        make_kind(rows=0)
    with pytest.raises(InputError, match="json, npy, raw"):
        make_kind("csv")  # type: ignore[arg-type]
    none = ExampleRows(release=RELEASE, rows=Examples(raw=[], features=[], target=[], prediction=[]))
    with pytest.raises(InputError, match="Train again"):
        make_request_kind("small", none, "json", 1, 1.0)
