"""Arrays -> bytes, and which media type the client gets."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codec.encode import encode_json, encode_npy, negotiate
from service.codec.problems import Problem
from service.contract.routes import CSV_MEDIA_TYPE, JSON_MEDIA_TYPE, NPY_MEDIA_TYPE


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON_MEDIA_TYPE),
        ("*/*", JSON_MEDIA_TYPE),
        ("application/*", JSON_MEDIA_TYPE),
        ("application/json", JSON_MEDIA_TYPE),
        ("application/x-npy", NPY_MEDIA_TYPE),
        ("application/x-npy, application/json", JSON_MEDIA_TYPE),
        ("application/x-npy, application/json;q=0.5", NPY_MEDIA_TYPE),
        ("application/json;q=0, */*", NPY_MEDIA_TYPE),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON_MEDIA_TYPE),
        ("APPLICATION/X-NPY", NPY_MEDIA_TYPE),
        ("text/csv", CSV_MEDIA_TYPE),
        ("text/*", CSV_MEDIA_TYPE),
        ("text/csv;q=0.9, application/json;q=0.5", CSV_MEDIA_TYPE),
        ("text/csv, application/json", JSON_MEDIA_TYPE),
    ],
)
def test_the_client_gets_what_it_prefers_and_json_otherwise(accept: str | None, expected: str) -> None:
    assert negotiate(accept) == expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0", "nonsense", "application/json;q=x"])
def test_a_client_that_takes_neither_is_told_what_there_is(accept: str) -> None:
    with pytest.raises(Problem, match=NPY_MEDIA_TYPE) as caught:
        negotiate(accept)
    assert caught.value.status == 406


@given(st.text(max_size=60))
def test_any_accept_header_is_negotiated_or_refused(accept: str) -> None:
    try:
        assert negotiate(accept) in (JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, CSV_MEDIA_TYPE)
    except Problem as problem:
        assert problem.status == 406


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_survive_both_encodings_to_the_bit(values: list[float]) -> None:
    array = np.array(values, np.float32)
    from_json = np.array(json.loads(encode_json({"predictions": array}))["predictions"], np.float32)
    from_npy = np.load(io.BytesIO(encode_npy(array)), allow_pickle=False)
    assert from_json.tobytes() == from_npy.tobytes() == array.tobytes()
