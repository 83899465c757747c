"""The Open Inference Protocol's refusals: Triton's own client can read each, and it says what to change."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from loadtest.target.server import Server
from tests.flow.cases import FEATURES, RAW
from tests.flow.triton import BOTH_WAYS, connect, ones, refusal, tensor


@pytest.fixture(scope="module")
def client(service: Server) -> Iterator[InferenceServerClient]:
    with connect(service) as client:
        yield client


WRONG: dict[str, tuple[str, Callable[[], list[InferInput]], str, str]] = {
    "a row too narrow": ("small", lambda: [ones(width=FEATURES - 1)], "422", f"[rows, {FEATURES}]"),
    "a row too wide": (
        "small-raw",
        lambda: [tensor(np.ones((1, RAW + 1)), "raw", np.float64)],
        "422",
        f"[rows, {RAW}]",
    ),
    "one dimension": ("small", lambda: [tensor(np.ones(FEATURES))], "422", f"[rows, {FEATURES}]"),
    "no row": ("small", lambda: [ones(0)], "422", "Send at least one"),
    "NaN": ("small", lambda: [tensor([[0.5] * 7 + [np.nan] * (FEATURES - 7)])], "422", "row 0, column 7"),
    "infinity": ("small-raw", lambda: [tensor([[-np.inf] * RAW], "raw", np.float64)], "422", "row 0, column 0"),
    "an answer that overflows": (
        "large-raw",
        lambda: [tensor([[1e30] * RAW], "raw", np.float64)],
        "422",
        "answer must be finite",
    ),
    "float64 for float32": ("small", lambda: [tensor(np.ones((1, FEATURES)), dtype=np.float64)], "422", "FP32"),
    "float32 for float64": ("small-raw", lambda: [tensor(np.ones((1, RAW)), "raw")], "422", "FP64"),
    "whole numbers": ("small", lambda: [tensor(np.ones((1, FEATURES)), dtype=np.int32)], "422", "FP32"),
    "another input": ("small", lambda: [tensor(np.ones((1, RAW)), "raw", np.float64)], "422", "'features'"),
    "two inputs": ("small", lambda: [ones(), tensor([[1.0]], "more")], "422", "a list of 2"),
    "no input": ("small", list, "422", "'features'"),
    "an input without data": ("small", lambda: [InferInput("features", [1, FEATURES], "FP32")], "422", "neither"),
    "another model": ("medium", lambda: [ones()], "404", "small, small-raw, large, large-raw"),
}


@pytest.mark.parametrize(("model", "inputs", "status", "word"), WRONG.values(), ids=WRONG)
def test_a_request_that_breaks_a_rule_is_refused_and_says_what_to_change(
    client: InferenceServerClient, model: str, inputs: Callable[[], list[InferInput]], status: str, word: str
) -> None:
    found, message = refusal(lambda: client.infer(model, inputs()))
    assert (found, word in message) == (status, True)


def test_nan_in_json_is_refused(client: InferenceServerClient) -> None:
    status, message = refusal(lambda: client.infer("small", [tensor([[np.nan] * FEATURES], binary=False)]))
    assert (status, "row 0, column 0" in message) == ("422", True)


def test_shared_memory_is_refused(client: InferenceServerClient) -> None:
    sent = InferInput("features", [1, FEATURES], "FP32").set_shared_memory("region", FEATURES * 4)
    assert refusal(lambda: client.infer("small", [sent]))[0] == "422"
    output = InferRequestedOutput("prediction", binary_data=False)
    output.set_shared_memory("region", 4)
    assert "shared_memory_region" in refusal(lambda: client.infer("small", [ones()], outputs=[output]))[1]


@pytest.mark.parametrize(
    ("output", "word"),
    [
        (InferRequestedOutput("logit"), "'prediction'"),
        (InferRequestedOutput("prediction", class_count=2), "'classification'"),
    ],
)
def test_an_output_that_there_is_not_is_refused(
    client: InferenceServerClient, output: InferRequestedOutput, word: str
) -> None:
    status, message = refusal(lambda: client.infer("small", [ones()], outputs=[output]))
    assert (status, word in message) == ("422", True)


def test_another_version_is_refused_and_the_right_one_named(client: InferenceServerClient, release: str) -> None:
    status, message = refusal(lambda: client.infer("small", [ones()], model_version="1"))
    assert (status, release in message) == ("404", True)


@BOTH_WAYS
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_compressed_request_is_refused_and_the_next_one_answered(
    client: InferenceServerClient, algorithm: str, binary: bool
) -> None:
    sent = [tensor(np.ones((300, FEATURES)), binary=binary)]
    status, message = refusal(lambda: client.infer("small", sent, request_compression_algorithm=algorithm))
    assert (status, algorithm in message, "Send the body as it is" in message) == ("415", True, True)
    assert client.infer("small", [ones()]).as_numpy("prediction").shape == (1,)


NOT_COVERED: dict[str, Callable[[InferenceServerClient], object]] = {
    "model configuration": lambda client: client.get_model_config("small"),
    "repository index": lambda client: client.get_model_repository_index(),
    "load": lambda client: client.load_model("small"),
    "unload": lambda client: client.unload_model("small"),
    "statistics": lambda client: client.get_inference_statistics(),
    "statistics of a model": lambda client: client.get_inference_statistics("small"),
    "trace settings": lambda client: client.get_trace_settings(),
    "trace settings of a model": lambda client: client.update_trace_settings("small", {"trace_level": "OFF"}),
    "log settings": lambda client: client.get_log_settings(),
    "new log settings": lambda client: client.update_log_settings({"log_info": True}),
    "system memory": lambda client: client.get_system_shared_memory_status(),
    "a system region": lambda client: client.register_system_shared_memory("region", "/region", 8),
    "no system region": lambda client: client.unregister_system_shared_memory(),
    "CUDA memory": lambda client: client.get_cuda_shared_memory_status(),
    "a CUDA region": lambda client: client.register_cuda_shared_memory("region", "aGFuZGxl", 0, 8),
    "no CUDA region": lambda client: client.unregister_cuda_shared_memory("region"),
}


@pytest.mark.parametrize("ask", NOT_COVERED.values(), ids=NOT_COVERED)
def test_what_the_protocol_does_not_cover_is_404(
    client: InferenceServerClient, ask: Callable[[InferenceServerClient], object]
) -> None:
    assert refusal(lambda: ask(client))[0] == "404"
    assert client.is_server_live()
