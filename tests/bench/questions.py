"""What the long loads ask: every kind of body with the answer that a session of this process gives, and bad requests.

Only the releases' files are shared with the service: rows are mixed from held-out ones, answers are computed here, one
for each release that may answer. Which one did is what every answer must say, that to a bad request too.
"""

import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.codec.tensors import BINARY_MEDIA_TYPE
from service.contract.card import ModelCard
from service.contract.routes import DEADLINE_HEADER, NPY_MEDIA_TYPE, RELEASE_HEADER, predict_raw_route, predict_route
from tests.flow.steady import post

TOLERANCE = 1e-5
"""|a - b| <= TOLERANCE (1 + |b|): what goes through a graph together differs in the last digits."""
ARCHITECTURE = "small"
MANY_ROWS = 64
OF_EACH_KIND = 16
"""Requests of each kind, with rows of their own, that are sent again and again."""
HEADER_LENGTH = "Inference-Header-Content-Length"

Numbers = NDArray[np.float32]
Run = Callable[[NDArray[Any]], Numbers]
Expected = Mapping[str, Numbers | None]


@dataclass(frozen=True)
class Question:
    """A request whole, and what must be answered to it. expected: release -> predictions, None where it is refused."""

    kind: str
    data: bytes
    expected: Expected
    status: int = 200
    read: Callable[[bytes, dict[str, str]], Any] | None = None

    def is_answered_by(self, status: int, headers: dict[str, str], body: bytes) -> bool:
        """Whether an answer is the right one."""
        release = headers.get(RELEASE_HEADER.lower(), "")
        if status != self.status or release not in self.expected:
            return False
        expected = self.expected[release]
        if expected is None or self.read is None:
            return True
        found = np.asarray(self.read(body, headers))
        return found.shape == expected.shape and bool(
            (np.abs(found - expected) <= TOLERANCE * (1 + np.abs(expected))).all()
        )


def mix(home: Path, *releases: str, bad_share: float, seed: int = 0) -> Iterator[Question]:
    """Yield requests without end, ``bad_share`` of them bad ones of every kind.

    home: BENTOML_HOME of the releases, any of which may answer: they have the same columns.
    """
    chance = np.random.default_rng(seed)
    good, bad = good_questions(home, releases, chance), itertools.cycle(bad_questions(releases))
    while True:
        yield next(bad) if chance.random() < bad_share else good[int(chance.integers(len(good)))]


def good_questions(home: Path, releases: Sequence[str], chance: np.random.Generator) -> list[Question]:
    """Return requests of every kind of body, with their answers. The rows are of the first release."""
    folders = {release: home / f"models/archscale-{ARCHITECTURE}/{release}" for release in releases}
    card = folders[releases[0]] / "card.json"
    examples = ModelCard.model_validate_json(card.read_bytes()).examples
    raw, features = np.array(examples.raw, np.float64), np.array(examples.features, np.float32)
    from_features, from_raw = (
        _answer_of({release: _run(folder / graph) for release, folder in folders.items()})
        for graph in ("network.onnx", "pipeline.onnx")
    )
    questions = []
    for _ in range(OF_EACH_KIND):
        single, many = _between(features, 1, chance), _between(features, MANY_ROWS, chance)
        questions += [
            _json("one row", "features", predict_route(ARCHITECTURE), single, from_features(single)),
            _json("64 rows", "features", predict_route(ARCHITECTURE), many, from_features(many)),
            _npy(many, from_features(many)),
            _v2(single, from_features(single)),
            _v2_binary(many, from_features(many)),
        ]
        few = _between(raw, 3, chance)
        questions.append(_json("raw", "raw", predict_raw_route(ARCHITECTURE), few, from_raw(few)))
    return questions


def bad_questions(releases: Sequence[str]) -> list[Question]:
    """Return requests that must be refused, each with its own status."""
    route = predict_route(ARCHITECTURE)
    refused = {
        "cut off": (400, post(route, b'{"features": [[1, 2')),
        "empty": (400, post(route, b"")),
        "NaN": (422, post(route, b'{"features": [[NaN]]}')),
        "a short row": (422, post(route, b'{"features": [[1, 2, 3]]}')),
        "text": (422, post(route, b'{"features": [["a"]]}')),
        "another member": (422, post(route, b'{"rows": [[1]]}')),
        "no .npy": (400, post(route, b"\x00" * 64, media_type=NPY_MEDIA_TYPE)),
        "another media type": (415, post(route, b"<a/>", media_type="application/xml")),
        "no such model": (404, post("/v2/models/none/infer", b"{}")),
        "no such route": (404, post("/predict/none", b"{}")),
        "another method": (405, f"GET {route} HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
        "a deadline of nonsense": (400, post(route, b'{"features": [[1]]}', f"{DEADLINE_HEADER}: soon")),
        "a /v2 body of nonsense": (400, post(f"/v2/models/{ARCHITECTURE}/infer", b"[1, 2")),
    }
    any_release = dict.fromkeys(releases)
    return [Question(f"bad: {kind}", data, any_release, status) for kind, (status, data) in refused.items()]


def _answer_of(runs: Mapping[str, Run]) -> Callable[[NDArray[Any]], Expected]:
    return lambda rows: {release: run(rows) for release, run in runs.items()}


def _run(graph: Path) -> Run:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(rows: NDArray[Any]) -> Numbers:
        answer: Numbers = session.run(None, {name: rows})[0]
        return answer

    return run


def _between(rows: NDArray[Any], count: int, chance: np.random.Generator) -> NDArray[Any]:
    """Return so many new rows, each between two of those given."""
    first, second = rows[chance.integers(len(rows), size=(2, count))]
    mixed: NDArray[Any] = (first + chance.random((count, 1)) * (second - first)).astype(rows.dtype)
    return mixed


def _json(kind: str, member: str, route: str, rows: NDArray[Any], expected: Expected) -> Question:
    data = post(route, json.dumps({member: rows.tolist()}).encode())
    return Question(kind, data, expected, read=lambda body, _: json.loads(body)["predictions"])


def _npy(rows: Numbers, expected: Expected) -> Question:
    stream = io.BytesIO()
    np.save(stream, rows)
    data = post(predict_route(ARCHITECTURE), stream.getvalue(), f"Accept: {NPY_MEDIA_TYPE}", media_type=NPY_MEDIA_TYPE)
    return Question(".npy", data, expected, read=lambda body, _: np.load(io.BytesIO(body)))


def _v2(rows: Numbers, expected: Expected) -> Question:
    tensor = {"name": "features", "shape": rows.shape, "datatype": "FP32", "data": rows.ravel().tolist()}
    data = post(f"/v2/models/{ARCHITECTURE}/infer", json.dumps({"inputs": [tensor]}).encode())
    return Question("/v2 JSON", data, expected, read=lambda body, _: json.loads(body)["outputs"][0]["data"])


def _v2_binary(rows: Numbers, expected: Expected) -> Question:
    size = {"binary_data_size": rows.nbytes}
    tensor = {"name": "features", "shape": rows.shape, "datatype": "FP32", "parameters": size}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    route = f"/v2/models/{ARCHITECTURE}/infer"
    data = post(route, head + rows.tobytes(), f"{HEADER_LENGTH}: {len(head)}", media_type=BINARY_MEDIA_TYPE)

    def read(body: bytes, headers: dict[str, str]) -> Numbers:
        return np.frombuffer(body[int(headers[HEADER_LENGTH.lower()]) :], "<f4")

    return Question("/v2 binary", data, expected, read=read)
