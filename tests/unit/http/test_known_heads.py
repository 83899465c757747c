"""Heads that need no parser any more: the same bytes make the same request, and anything else is parsed."""

import pytest

from service.answers.messages import Request
from service.http.known_heads import LONGEST, MOST_KNOWN, KnownHeads

BODY = b'{"rows": [[1, 2]]}'
FIELDS = {b"host": b"x", b"content-length": b"%d" % len(BODY)}
HEAD = b"POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: %d" % len(BODY)
END = b"\r\n\r\n"


def parsed(**changes: object) -> Request:
    given = {"method": "POST", "headers": FIELDS, "body": BODY, **changes}
    return Request(path="/add", query=b"", request_id=b"1", arrived=0.0, **given)  # type: ignore[arg-type]


def taught(data: bytes = HEAD + END + BODY, **changes: object) -> KnownHeads:
    known = KnownHeads()
    known.learn(data, b"/add", parsed(**changes))
    return known


def test_the_same_head_before_another_body_of_that_length_is_known() -> None:
    other = BODY.replace(b"1", b"7")
    found = taught().find(HEAD + END + other)
    assert found is not None
    assert (found[0].method, found[0].target, found[0].headers, found[1]) == ("POST", b"/add", FIELDS, other)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + END + BODY[:-1],
        HEAD + END + BODY + b"G",
        HEAD + END,
        HEAD,
        b"",
        END,
        b"\r\n" + HEAD + END + BODY,
        HEAD.lower() + END + BODY,
        HEAD.replace(b"x", b"y") + END + BODY,
    ],
    ids=["short", "pipelined", "head", "half a head", "nothing", "blank", "blank before", "lower", "other"],
)
def test_anything_else_is_parsed(data: bytes) -> None:
    assert taught().find(data) is None


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"\r\n\r\n" + HEAD + END + BODY, FIELDS),  # blank lines before a request are allowed, and no head
        (HEAD + END + BODY + b"GET / HTTP/1.1", FIELDS),
        (HEAD[5:] + END + BODY, FIELDS),  # the end of a piece whose beginning is not there
        (HEAD + END + BODY, {b"host": b"x"}),
        (HEAD + END + BODY, {**FIELDS, b"content-length": b"0%d" % len(BODY)}),
        (HEAD + END + BODY, {**FIELDS, b"x-request-id": b"7"}),
        (HEAD + END + BODY, {**FIELDS, b"expect": b"100-continue"}),
        (HEAD.ljust(LONGEST) + END + BODY, FIELDS),
    ],
)
def test_only_what_is_whole_and_alone_and_may_come_again_is_learnt(data: bytes, headers: dict[bytes, bytes]) -> None:
    known = taught(data, headers=headers)
    assert known.find(data) is None
    assert known.find(HEAD + END + BODY) is None


def test_what_is_kept_is_bounded() -> None:
    known = KnownHeads()
    for number in range(3 * MOST_KNOWN):
        head = HEAD + b"\r\nX: %d" % number + END
        known.learn(head + BODY, b"/add", parsed())
        assert known.find(head + BODY) is not None
    assert known.find(HEAD + b"\r\nX: 1" + END + BODY) is None
