"""The Open Inference Protocol without a server: its routes, its documents, and the parts of a request."""

import dataclasses
import json
import time
from unittest import mock

import numpy as np
import pytest

from service.answers.messages import Answer, Request
from service.answers.metrics import Meter
from service.answers.protocol_v2 import is_v2
from service.answers.responder import Responder
from service.answers.routing import route_endpoints
from service.codec.columns import Columns
from service.codec.rows import features_input, raw_input
from service.contract.card import RawFeature
from service.models.endpoints import Endpoint

RELEASE = "20260101t000000-abcdef"
ROWS = [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]
SUMS = [1.5, 6.0]
RAW = raw_input(Columns(RawFeature(name=name, minimum=0, maximum=1) for name in ("a", "b")), max_rows=4)


def endpoint(label: str, *, raw: bool = False) -> Endpoint:
    """An endpoint that adds up each row."""
    return Endpoint(
        route=f"/{label}/wide-net",
        label=label,
        architecture="wide-net",
        takes=RAW if raw else features_input(("a", "b", "c"), 4),
        run=lambda rows: rows.sum(axis=1, dtype=np.float32),
        describe=lambda _, answer: {"predictions": answer},
        headings=("prediction",),
    )


@pytest.fixture
def meters() -> mock.Mock:
    meters: mock.Mock = mock.create_autospec(Meter)
    return meters


@pytest.fixture
def responder(meters: mock.Mock) -> Responder:
    endpoints = [endpoint("predict"), endpoint("predict_raw", raw=True)]
    return Responder(route_endpoints(endpoints, RELEASE, {}, meters))


def ask(responder: Responder, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    route = responder.find(path)
    assert route is not None
    return responder.answer(route, Request(method, path, b"", sent, body, b"asked-1", time.perf_counter()))


def infer(responder: Responder, **members: object) -> Answer:
    tensor = {"name": "features", "datatype": "FP32", "shape": [2, 3], "data": ROWS}
    body = json.dumps({"inputs": [tensor], **members}).encode()
    return ask(responder, "/v2/models/wide-net/infer", "POST", body)


def error(reply: Answer) -> str:
    assert (reply.media_type, 400 <= reply.status < 500) == ("application/json", True)
    document = json.loads(reply.body)
    assert document.keys() == {"error"}
    assert "however" in document["error"]
    return str(document["error"])


@pytest.mark.parametrize(
    ("path", "expected"), [("/v2", True), ("/v2/", True), ("/v2/x", True), ("/v2x", False), ("/", False)]
)
def test_the_protocols_paths_are_known(path: str, expected: bool) -> None:
    assert is_v2(path) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        ("/v2", {"name": "archscale", "version": RELEASE, "extensions": ["binary_tensor_data"]}),
        ("/v2/models/wide-net/ready", {"name": "wide-net", "ready": True}),
        (f"/v2/models/wide-net-raw/versions/{RELEASE}/ready", {"name": "wide-net-raw", "ready": True}),
    ],
)
def test_documents_are_answered(responder: Responder, method: str, path: str, document: object) -> None:
    reply = ask(responder, path, method)
    assert (reply.status, json.loads(reply.body)) == (200, document)


@pytest.mark.parametrize("version", ["", f"/versions/{RELEASE}"])
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("wide-net", {"name": "features", "datatype": "FP32", "shape": [-1, 3]}),
        ("wide-net-raw", {"name": "raw", "datatype": "FP64", "shape": [-1, 2]}),
    ],
)
def test_a_model_is_described_with_the_widths_of_its_release(
    responder: Responder, version: str, name: str, tensor: object
) -> None:
    assert json.loads(ask(responder, f"/v2/models/{name}{version}").body) == {
        "name": name,
        "versions": [RELEASE],
        "platform": "onnxruntime_onnx",
        "inputs": [tensor],
        "outputs": [{"name": "prediction", "datatype": "FP32", "shape": [-1]}],
    }


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v2/nothing", "route"),
        ("/v2/models", "route"),
        ("/v2/models/", "wide-net, wide-net-raw"),
        ("/v2/models/none", "wide-net, wide-net-raw"),
        ("/v2/models/none/infer", "wide-net, wide-net-raw"),
        ("/v2/models/wide-net/versions/1", RELEASE),
        ("/v2/models/wide-net/versions/1/infer", RELEASE),
        ("/v2/models/wide-net/versions/", RELEASE),
        ("/v2/models/wide-net/config", "/infer"),
        (f"/v2/models/wide-net/versions/{RELEASE}/stats", "/infer"),
        ("/v2/models/wide-net/", "/infer"),
        ("/v2/repository/index", "route"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_is_404_and_says_what_is(responder: Responder, method: str, path: str, word: str) -> None:
    reply = ask(responder, path, method)
    assert (reply.status, word in error(reply)) == (404, True)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2/health/live", b"GET, HEAD"),
        ("DELETE", "/v2/models/wide-net", b"GET, HEAD"),
        ("GET", "/v2/models/wide-net/infer", b"POST"),
    ],
)
def test_a_wrong_method_is_405_with_what_is_allowed(
    responder: Responder, method: str, path: str, allowed: bytes
) -> None:
    reply = ask(responder, path, method)
    assert (reply.status, reply.headers) == (405, ((b"allow", allowed),))
    assert method in error(reply)


def test_an_inference_names_its_model_and_version_and_is_counted(responder: Responder, meters: mock.Mock) -> None:
    reply = infer(responder)
    assert (reply.status, reply.media_type) == (200, "application/json")
    assert json.loads(reply.body) == {
        "model_name": "wide-net",
        "model_version": RELEASE,
        "outputs": [{"name": "prediction", "datatype": "FP32", "shape": [2], "data": SUMS}],
    }
    assert [call.args for call in meters.call_args_list][:2] == [
        ("wide-net", "v2_predict", RELEASE),
        ("wide-net", "v2_predict_raw", RELEASE),
    ]
    rows, out_of_range, seconds, stages = meters.return_value.answered.call_args.args
    assert (rows, out_of_range, len(stages)) == (2, 0, 3)
    assert seconds >= sum(stages)


def test_a_refused_inference_is_counted_by_its_status(responder: Responder, meters: mock.Mock) -> None:
    error(infer(responder, inputs=[]))
    error(ask(responder, "/v2/models/wide-net/infer"))
    assert [call.args for call in meters.return_value.refused.call_args_list] == [(422,), (405,)]


@pytest.mark.parametrize(
    ("members", "binary"),
    [
        ({}, False),
        ({"outputs": []}, False),
        ({"outputs": None, "parameters": None}, False),
        ({"outputs": [{"name": "prediction"}]}, False),
        ({"outputs": [{"name": "prediction", "parameters": {"binary_data": True}}]}, True),
        ({"parameters": {"binary_data_output": True}}, True),
        ({"parameters": {"binary_data_output": True}, "outputs": [{"name": "prediction"}]}, True),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "prediction", "parameters": {"binary_data": False}}],
            },
            False,
        ),
    ],
)
def test_the_output_comes_back_in_the_form_that_is_asked_for(
    responder: Responder, members: dict[str, object], binary: bool
) -> None:
    reply = infer(responder, **members)
    assert (reply.status, reply.media_type == "application/octet-stream") == (200, binary)
    if binary:
        length = int(dict(reply.headers)[b"inference-header-content-length"])
        assert np.frombuffer(reply.body[length:], "<f4").tolist() == SUMS
        assert "data" not in json.loads(reply.body[:length])["outputs"][0]
    else:
        assert json.loads(reply.body)["outputs"][0]["data"] == SUMS


def test_the_id_and_the_parameters_are_echoed(responder: Responder) -> None:
    sent = {"priority": 1, "who": "é", "share": 0.5, "sure": True, "binary_data_output": False, "headers": {"a": []}}
    answer = json.loads(infer(responder, id="4[2", parameters=sent).body)
    assert answer["id"] == "4[2"
    assert answer["parameters"] == {"priority": 1, "who": "é", "share": 0.5, "sure": True}
    assert "id" not in json.loads(infer(responder, id=None).body)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"id": 42}, "'id' must be text"),
        ({"parameters": [1]}, "'parameters' of the request"),
        ({"parameters": {"binary_data_output": 1}}, "'binary_data_output' must be true or false"),
        ({"ouputs": []}, "'ouputs'"),
        ({"inputs": None}, "'features'"),
        ({"inputs": {}}, "'features'"),
        ({"inputs": []}, "'features'"),
        ({"inputs": ["features"]}, "'features'"),
        ({"inputs": [{"name": "raw"}]}, "text ('raw')"),
        ({"inputs": [{"name": "features"}, {"name": "features"}]}, "a list of 2"),
        ({"inputs": [{"name": "features", "dtype": "FP32"}]}, "'dtype'"),
        ({"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 3], "parameters": 7}]}, "'parameters'"),
        ({"outputs": {}}, "'prediction'"),
        ({"outputs": "prediction"}, "'prediction'"),
        ({"outputs": ["prediction"]}, "'prediction'"),
        ({"outputs": [{"name": "logit"}]}, "text ('logit')"),
        ({"outputs": [{"name": "prediction"}] * 2}, "a list of 2"),
        ({"outputs": [{"name": "prediction", "parameters": {"classification": 2}}]}, "'classification'"),
        ({"outputs": [{"name": "prediction", "parameters": {"shared_memory_region": "r"}}]}, "'shared_memory_region'"),
        ({"outputs": [{"name": "prediction", "parameters": {"binary_data": "no"}}]}, "'binary_data' must be"),
    ],
)
def test_a_part_that_breaks_a_rule_is_refused_and_named(
    responder: Responder, members: dict[str, object], word: str
) -> None:
    reply = infer(responder, **members)
    assert (reply.status, word in error(reply)) == (422, True)


def test_an_inference_that_fails_is_counted_and_answered_as_a_500(meters: mock.Mock) -> None:
    failing = dataclasses.replace(endpoint("predict"), run=mock.Mock(side_effect=RuntimeError("no memory")))
    answer = infer(Responder(route_endpoints([failing], RELEASE, {}, meters)))
    assert (answer.status, "log names this request's id" in json.loads(answer.body)["error"]) == (500, True)
    assert [call.args for call in meters.return_value.refused.call_args_list] == [(500,)]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_415(responder: Responder, encoding: str) -> None:
    reply = ask(responder, "/v2/models/wide-net/infer", "POST", b"?", content_encoding=encoding)
    assert (reply.status, encoding in error(reply)) == (415, True)
