"""Who is admitted, who is refused and how, and how often a key may ask: at a clock of the test's own."""

from collections import Counter
from http import HTTPStatus
from pathlib import Path

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from service.access.bucket import Bucket
from service.access.guard import LONGEST_KNOWN, MOST_KNOWN, Guard
from service.access.key_file import KeyFile, append_key
from service.answers.messages import Answer, Headers, Request
from service.answers.responder import Responder
from service.answers.routing import Routing
from service.contract.routes import PROBES

RELEASE = "20260101t000000-aaaaaa"
ALICE, BOB = "alices-own-key", "bobs-own-key"
PATH = "/predict/small"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Tally(Counter[tuple[str, str]]):
    def expect(self, names: set[str]) -> None:
        self.names = names

    def allowed(self, name: str) -> None:
        self[name, "allowed"] += 1

    def limited(self, name: str) -> None:
        self[name, "limited"] += 1

    def refused(self) -> None:
        self["", "refused"] += 1


class Gate:
    """A guard, and all that is around it."""

    def __init__(self, folder: Path, *, rate: float | None = None, workers: int = 1) -> None:
        self.file = folder / "keys"
        append_key(self.file, "alice", ALICE)
        append_key(self.file, "bob", BOB)
        self.clock, self.tally = Clock(), Tally()
        keys = KeyFile(self.file)
        self.guard = Guard(keys, self.tally, RELEASE, rate=rate, workers=workers, clock=self.clock)

    def ask(self, key: str, path: str = PATH) -> int:
        """Return the status."""
        answer = self.answer({b"authorization": f"Bearer {key}".encode()}, path)
        return answer.status if answer else 200

    def answer(self, headers: Headers, path: str = PATH) -> Answer | None:
        """Return the refusal, if it is one."""
        if (route := self.guard.refusal(path, headers)) is None:
            return None
        assert not route.takes_body
        responder = Responder(Routing({}, route, RELEASE))
        return responder.answer(route, Request("PUT", path, b"", headers, b"", b"an-id", 0.0))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_known_key_is_admitted_and_counted_by_its_name(gate: Gate) -> None:
    assert [gate.ask(ALICE), gate.ask(BOB), gate.ask(ALICE)] == [200] * 3
    assert gate.tally == {("alice", "allowed"): 2, ("bob", "allowed"): 1}


@pytest.mark.parametrize("value", [f"bearer {ALICE}", f"BEARER  {ALICE}", f"Bearer {ALICE} "])
def test_the_scheme_is_read_as_the_standard_has_it(gate: Gate, value: str) -> None:
    assert gate.answer({b"authorization": value.encode()}) is None


def test_a_key_is_admitted_however_often_its_header_is_written_anew(gate: Gate) -> None:
    """What is remembered of headers is bounded, in their number and in the length of each."""
    written = [f"Bearer {' ' * blanks}{ALICE}".encode() for blanks in range(MOST_KNOWN + LONGEST_KNOWN)]
    assert all(gate.answer({b"authorization": value}) is None for value in (*written, *reversed(written)))
    assert gate.tally == {("alice", "allowed"): 2 * len(written)}


STRANGERS = {
    "no header": None,
    "nothing": "",
    "the scheme alone": "Bearer",
    "no key": "Bearer ",
    "another key": "Bearer somebodys-key",
    "a part of a key": f"Bearer {ALICE[:-1]}",
    "more than a key": f"Bearer {ALICE}x",
    "two keys": f"Bearer {ALICE} {BOB}",
    "another scheme": f"Basic {ALICE}",
    "no scheme": ALICE,
    "bytes": "Bearer \xff\x00",
    "a long one": "Bearer " + "x" * 60_000,
}


@pytest.mark.parametrize("value", STRANGERS.values(), ids=STRANGERS)
def test_all_others_get_the_same_answer(gate: Gate, value: str | None) -> None:
    headers = {} if value is None else {b"authorization": value.encode("latin-1")}
    answer = gate.answer(headers)
    assert answer == gate.answer({})
    assert answer is not None
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert answer.headers == ((b"www-authenticate", b"Bearer"),)
    assert orjson.loads(answer.body)["rule"] == "key"
    assert gate.tally == {("", "refused"): 2}


def test_below_v2_the_refusal_has_the_form_of_the_protocol(gate: Gate) -> None:
    answer = gate.answer({}, "/v2/models/small")
    assert answer is not None
    assert orjson.loads(answer.body).keys() == {"error"}
    assert (answer.status, answer.media_type) == (401, "application/json")


@pytest.mark.parametrize("path", ["/", "/metrics", "/models", "/docs.json", "/nothing", "/livez/", "//livez", "/v2"])
def test_every_path_asks_for_a_key(gate: Gate, path: str) -> None:
    assert gate.ask("no key", path) == 401


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_need_none_and_are_not_counted(gate: Gate, path: str) -> None:
    assert gate.answer({}, path) is None
    assert not gate.tally


def test_a_new_key_is_known_after_a_second_and_one_that_is_gone_is_not(gate: Gate) -> None:
    gate.file.write_text("\n".join(line for line in gate.file.read_text().splitlines() if "alice" not in line))
    append_key(gate.file, "carol", "carols-key")
    assert [gate.ask(ALICE), gate.ask("carols-key")] == [200, 401]
    gate.clock.now += 1.1
    assert [gate.ask(ALICE), gate.ask("carols-key"), gate.ask(BOB)] == [401, 200, 200]
    assert gate.tally.names == {"bob", "carol"}


def test_a_key_has_its_rate_and_no_other_key_pays_for_it(tmp_path: Path) -> None:
    gate = Gate(tmp_path, rate=4.0, workers=2)  # this one's share is 2
    assert [gate.ask(ALICE) for _ in range(4)] == [200, 200, 429, 429]
    assert gate.ask(BOB) == 200
    gate.clock.now += 0.5
    assert [gate.ask(ALICE), gate.ask(ALICE)] == [200, 429]
    answer = gate.answer({b"authorization": f"Bearer {ALICE}".encode()})
    assert answer is not None
    assert answer.headers == ((b"retry-after", b"1"),)
    detail = orjson.loads(answer.body)["detail"]
    assert "4 requests/s, 2 to each of 2 workers" in detail
    assert "over more connections" in detail
    assert gate.tally["alice", "limited"] == 4


def test_keys_of_one_name_share_a_rate(tmp_path: Path) -> None:
    gate = Gate(tmp_path, rate=2.0)
    append_key(gate.file, "alice", "alices-new-key")
    gate.clock.now += 1.1
    assert [gate.ask(ALICE), gate.ask("alices-new-key"), gate.ask(ALICE)] == [200, 200, 429]


def test_a_slow_rate_says_how_long_to_wait(tmp_path: Path) -> None:
    gate = Gate(tmp_path, rate=0.1)
    assert gate.ask(ALICE) == 200
    answer = gate.answer({b"authorization": f"Bearer {ALICE}".encode()})
    assert answer is not None
    assert answer.headers == ((b"retry-after", b"10"),)
    assert "0.1 requests/s, however: this one sent more." in orjson.loads(answer.body)["detail"]


@given(st.floats(0.01, 1e6), st.lists(st.floats(0, 100), max_size=200))
def test_a_bucket_gives_no_more_than_its_rate_and_a_second_of_it(rate: float, pauses: list[float]) -> None:
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        seconds = bucket.take(now)
        taken += not seconds
        assert seconds <= 1 / rate * (1 + 1e-9)
    assert taken <= max(rate, 1) + rate * now + 1e-6 * len(pauses)


def test_who_waits_as_long_as_told_is_admitted() -> None:
    bucket = Bucket(3.0, 0.0)
    now = 0.0
    for _ in range(100):
        now += bucket.take(now) + 1e-9
    assert bucket.take(now + 1 / 3) == 0
