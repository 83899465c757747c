"""Random bytes and broken requests over real sockets, with keys and limits on: none fails, hangs or kills the service.

Run: make fuzz.
"""

import argparse
import random
import sys
from collections import Counter

import h11

from tests.bench.keyed import serve_keyed
from tests.http_messages import Reply, read_replies, request, rows_body
from tests.sockets import exchange

DEFAULT_STREAMS = 10_000
DEFAULT_SEED = 1
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ALLOWED = {200, 400, 401, 404, 405, 408, 413, 415, 422, 431}
TOKENS = (
    b"\r\n", b"\r", b"\n", b"\0", b" ", b":", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"GET ", b"CONNECT ", b"%",
    b"Host: x\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"0\r\n\r\n", b"x" * 5000,
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"fffffffffffffffff\r\n", b"/../",
)  # fmt: skip


def make_seeds(*more: str) -> tuple[bytes, ...]:
    """Return requests to be broken. more: lines of their heads."""
    return (
        request("/predict/small", rows_body([0.5]), *more),
        request("/predict/small", rows_body([0.5]), "Expect: 100-continue", *more, chunk=5, trailers=["X: y"]),
        request("/v2/models/small/infer", b"{}", "Upgrade: h2c", "Connection: Upgrade", *more),
        request("/models", None, *more),
        request("/livez"),
        request("/nothing", b"a=b", *more, chunk=1),
    )


def make_stream(choices: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return noise, or a few requests in which bytes were lost, doubled, or put."""
    if choices.random() < 0.2:
        return choices.randbytes(choices.randint(1, 400))
    stream = bytearray(b"".join(choices.choices(seeds, k=choices.randint(1, 4))))
    for _ in range(choices.randint(0, 6)):
        at = choices.randrange(len(stream) + 1)
        kind = choices.randrange(4)
        if kind == 0:
            del stream[at : at + choices.choice([1, 2, 20])]
        elif kind == 1:
            stream[at:at] = choices.choice(TOKENS)
        elif kind == 2:
            stream[at : at + 1] = choices.randbytes(1)
        else:
            stream[at:at] = stream[at : at + choices.choice([1, 10, 100])]
    return bytes(stream)


def send(url: str, stream: bytes, choices: random.Random) -> list[Reply] | None:
    """Send a stream; return the answers, or None where what came back is none.

    Answers to HEAD have no body: a stream may have become such a request, and is then read so. A client that is told to
    go on and then ends gets no answer.
    """
    piece = choices.choice([0, 0, 1, 7, 300]) if len(stream) < 2000 else 0
    received = exchange(url, stream, piece=piece, ends=True).removesuffix(CONTINUE)
    for methods in ([], ["HEAD"] * 100):
        try:
            return read_replies(received, methods)
        except (h11.ProtocolError, AssertionError):
            continue
    return None


def fuzz(url: str, *, streams: int, seed: int, seeds: tuple[bytes, ...]) -> tuple[Counter[int], list[bytes]]:
    """Send so many streams; return the statuses that came, and the streams whose answers were wrong."""
    statuses: Counter[int] = Counter()
    wrong = []
    choices = random.Random(seed)
    for _ in range(streams):
        stream = make_stream(choices, seeds)
        replies = send(url, stream, choices)
        if replies is None or not ALLOWED.issuperset(reply.status for reply in replies):
            wrong.append(stream)
        else:
            statuses.update(reply.status for reply in replies)
    return statuses, wrong


def main() -> int:
    """Serve the newest release, send, print what came back; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=DEFAULT_STREAMS, help=f"to send ({DEFAULT_STREAMS})")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args()
    with serve_keyed(ARCHSCALE_WORKERS="1") as (server, key):
        workers = [worker.pid for worker in server.workers]
        seeds = make_seeds(f"Authorization: Bearer {key}") + make_seeds()
        statuses, wrong = fuzz(server.url, streams=options.streams, seed=options.seed, seeds=seeds)
        lives = [worker.pid for worker in server.workers] == workers
    for stream in wrong:
        print(f"a wrong answer: {stream[:500]!r}")
    counts = dict(sorted(statuses.items()))
    print(f"{options.streams} streams; statuses {counts}; the worker {'lives' if lives else 'died'}")
    return int(bool(wrong) or not lives)


if __name__ == "__main__":
    sys.exit(main())
