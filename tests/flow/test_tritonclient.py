"""The Open Inference Protocol, asked of a real `bentoml serve` by Triton's own client as it is published."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferRequestedOutput, InferResult

from loadtest.target.server import Server
from service.contract.card import Examples
from tests.flow.cases import FEATURES, RAW
from tests.flow.triton import BOTH_WAYS, connect, ones, refusal, tensor
from tests.patience import PATIENCE_SECONDS, get, post, request

ARCHITECTURES = ("small", "large")
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def client(service: Server) -> Iterator[InferenceServerClient]:
    with connect(service) as client:
        yield client


def close(result: InferResult, expected: Sequence[object]) -> bool:
    actual = result.as_numpy("prediction")
    assert (actual.dtype.name, actual.shape) == ("float32", (len(expected),))
    known = np.array(expected)
    return bool((np.abs(actual - known) <= TOLERANCE * (1 + np.abs(known))).all())


def test_the_server_is_live_and_ready(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()


@pytest.mark.parametrize("model", ["small", "large", "small-raw", "large-raw"])
def test_every_architecture_and_its_raw_twin_are_ready(client: InferenceServerClient, model: str, release: str) -> None:
    assert client.is_model_ready(model)
    assert client.is_model_ready(model, release)


@pytest.mark.parametrize(("model", "version"), [("medium", ""), ("small", "1"), ("small raw", ""), ("transform", "")])
def test_another_model_or_version_is_not_ready(client: InferenceServerClient, model: str, version: str) -> None:
    assert not client.is_model_ready(model, version)
    status, message = refusal(lambda: client.get_model_metadata(model, version))
    assert status == "404"
    assert (version or "small, small-raw, large, large-raw") in message


def test_the_server_describes_itself(client: InferenceServerClient, release: str) -> None:
    assert client.get_server_metadata() == {
        "name": "archscale",
        "version": release,
        "extensions": ["binary_tensor_data"],
    }


def test_a_model_describes_its_tensors(client: InferenceServerClient, release: str) -> None:
    for version in ("", release):
        metadata = client.get_model_metadata("large", version)
        assert (metadata["versions"], metadata["platform"]) == ([release], "onnxruntime_onnx")
        assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}]
        assert metadata["outputs"] == [{"name": "prediction", "datatype": "FP32", "shape": [-1]}]
    raw = client.get_model_metadata("large-raw")["inputs"]
    assert raw == [{"name": "raw", "datatype": "FP64", "shape": [-1, RAW]}]


@BOTH_WAYS
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rows", [1, 2, 64])
def test_features_and_raw_rows_are_answered_as_the_card_says(
    client: InferenceServerClient, examples: dict[str, Examples], architecture: str, rows: int, binary: bool
) -> None:
    known = examples[architecture]
    outputs = [InferRequestedOutput("prediction", binary_data=binary)]
    for model, sent in (
        (architecture, tensor(known.features[:rows], binary=binary)),
        (f"{architecture}-raw", tensor(known.raw[:rows], "raw", np.float64, binary=binary)),
    ):
        for asked in (outputs, None):
            assert close(client.infer(model, [sent], outputs=asked), known.prediction[:rows])


def test_an_answer_names_model_version_request_and_parameters(client: InferenceServerClient, release: str) -> None:
    result = client.infer(
        "small",
        [ones()],
        model_version=release,
        request_id="row 7",
        sequence_id=3,
        priority=2,
        timeout=10**6,
        parameters={"who": "é", "share": 0.5},
    ).get_response()
    assert (result["model_name"], result["model_version"], result["id"]) == ("small", release, "row 7")
    assert {"who": "é", "share": 0.5, "priority": 2}.items() <= result["parameters"].items()
    assert "binary_data_output" not in result["parameters"]


def test_most_rows_are_answered_and_one_more_is_refused(client: InferenceServerClient) -> None:
    assert client.infer("small", [ones(4096)]).as_numpy("prediction").shape == (4096,)
    status, message = refusal(lambda: client.infer("small", [ones(4097)]))
    assert (status, "4096 rows" in message) == ("422", True)


def test_many_requests_at_once_are_each_answered(client: InferenceServerClient, examples: dict[str, Examples]) -> None:
    known = examples["small"]
    pending = [
        client.async_infer("small", [tensor(known.features[row : row + 1])], request_id=str(row)) for row in range(8)
    ]
    for row, asked in enumerate(pending):
        result = asked.get_result(timeout=PATIENCE_SECONDS)
        assert result.get_response()["id"] == str(row)
        assert close(result, known.prediction[row : row + 1])
    assert refusal(client.async_infer("small", [ones(width=3)]).get_result)[0] == "422"


def test_a_body_that_the_client_only_writes_and_reads_goes_any_other_way(
    service: Server, examples: dict[str, Examples]
) -> None:
    known = examples["small"]
    body, header_length = InferenceServerClient.generate_request_body([tensor(known.features[:2])])
    headers = {"Inference-Header-Content-Length": str(header_length), "Content-Type": "application/octet-stream"}
    answer = post(f"{service.url}/v2/models/small/infer", content=body, headers=headers)
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert answer.headers["Content-Type"] == "application/octet-stream"
    result = InferenceServerClient.parse_response_body(answer.content, header_length=length)
    assert close(result, known.prediction[:2])
    body, header_length = InferenceServerClient.generate_request_body(
        [tensor(known.features[:2], binary=False)], [InferRequestedOutput("prediction", binary_data=False)]
    )
    assert header_length is None
    answer = post(f"{service.url}/v2/models/small/infer", content=body)
    assert close(InferenceServerClient.parse_response_body(answer.content), known.prediction[:2])


def test_v2_answers_what_predict_answers_and_names_the_release(
    service: Server, examples: dict[str, Examples], release: str
) -> None:
    known = examples["large"]
    predicted = post(f"{service.url}/predict/large", json={"features": known.features}).json()["predictions"]
    for data in (known.features, [value for row in known.features for value in row]):
        shape = [len(known.features), FEATURES]
        sent = {"inputs": [{"name": "features", "datatype": "FP32", "shape": shape, "data": data}]}
        answer = post(
            f"{service.url}/v2/models/large/infer", json=sent, headers={"X-Archscale-Timing": "1", "Accept": "*/*"}
        )
        assert answer.json()["outputs"][0]["data"] == predicted
        assert answer.headers["X-Archscale-Release"] == release
        assert answer.headers["Server-Timing"].startswith("parse;dur=")


@BOTH_WAYS
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_compressed_answer_may_be_asked_for(
    client: InferenceServerClient, examples: dict[str, Examples], algorithm: str, binary: bool
) -> None:
    known = examples["small"]
    outputs = [InferRequestedOutput("prediction", binary_data=binary)]
    result = client.infer("small", [tensor(known.features)], outputs=outputs, response_compression_algorithm=algorithm)
    assert close(result, known.prediction)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_head_is_answered_as_a_get_without_its_body(service: Server, method: str, release: str) -> None:
    answer = request(method, f"{service.url}/v2/models/small")
    assert (answer.status_code, answer.headers["X-Archscale-Release"]) == (200, release)
    assert (len(answer.content) > 0) == (method == "GET")
    assert int(answer.headers["Content-Length"]) > 0


def test_a_wrong_method_is_405_in_the_protocols_own_form(service: Server) -> None:
    answer = get(f"{service.url}/v2/models/small/infer")
    assert (answer.status_code, answer.headers["Allow"], list(answer.json())) == (405, "POST", ["error"])


def test_inferences_are_counted_by_model_and_status(service: Server, client: InferenceServerClient) -> None:
    def counted(route: str, status: str) -> float:
        lines = get(f"{service.url}/metrics").text.splitlines()
        labels = ('architecture="large"', f'route="{route}"', f'status="{status}"')
        return sum(float(line.split()[-1]) for line in lines if all(label in line for label in labels))

    before = {case: counted(*case) for case in (("v2_predict", "200"), ("v2_predict_raw", "422"))}
    client.infer("large", [ones()])
    refusal(lambda: client.infer("large-raw", [ones()]))
    assert {case: counted(*case) for case in before} == {case: count + 1 for case, count in before.items()}
