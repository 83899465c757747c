"""The samples of all generators of a test, brought to their master: what it writes is one load.

Sent over Locust's own connection, in pieces. A worker ends only when its master has thanked for the last of them.
"""

import io
import time
from typing import Any

import gevent
from locust.rpc import Message

from loadtest.generator.roster import Roster
from loadtest.record.samples import Samples, merge, read_samples, write_samples

SAMPLES, THANKS = "archscale-samples", "archscale-thanks"
PIECE, MORE = "piece", "more"
PIECE_BYTES = 1 << 20
PATIENCE_SECONDS = 60.0
"""Without a sample. A worker lets its last requests end first, and packs a million samples in some seconds."""
LOOK_SECONDS = 0.25


def send_samples(runner: Any, samples: Samples) -> bool:
    """Send them from a worker whose test is over, so that nothing else reads its messages; return whether they are had.

    That is not so where the master has gone.
    """
    stream = io.BytesIO()
    write_samples(samples, stream)
    packed = stream.getvalue()
    for begin in range(0, len(packed), PIECE_BYTES):
        piece = packed[begin : begin + PIECE_BYTES]
        runner.send_message(SAMPLES, {PIECE: piece, MORE: begin + PIECE_BYTES < len(packed)})
    with gevent.Timeout(PATIENCE_SECONDS, False):  # gevent's word for: raise nothing
        while runner.client.recv().type != THANKS:
            pass
        return True
    return False


class Gatherer:
    """Takes samples in, at a master: while the test runs, of a worker that ends early; else when it is over."""

    def __init__(self, runner: Any, roster: Roster) -> None:
        self._runner, self._roster = runner, roster
        self.begin()
        runner.register_message(SAMPLES, lambda msg, **_: self._take(msg))

    def begin(self) -> None:
        """Forget those of an earlier test."""
        self._pieces: dict[str, list[bytes]] = {}
        self._whole: dict[str, Samples] = {}

    def gather(self) -> Samples | None:
        """Return the samples of all workers, once the runner listens no more; None where the run has a problem.

        Whoever is left is listened to even then: workers wait for that.
        """
        roster, last = self._roster, time.monotonic()
        wanted = [worker for worker in roster.workers if roster.problem is None or roster.is_reachable(worker)]
        while missing := [worker for worker in wanted if worker not in self._whole]:
            message = None
            with gevent.Timeout(LOOK_SECONDS, False):
                _, message = self._runner.server.recv_from_client()
            if message is not None and message.type == SAMPLES:
                last = time.monotonic()
                self._take(message)
            elif time.monotonic() > last + PATIENCE_SECONDS or (message is None and not self._are_there(missing)):
                roster.fail(
                    "the samples of all workers must come, however: those of "
                    f"{', '.join(map(roster.name, missing))} did not. The run is invalid: repeat it."
                )
                break
        whole = roster.problem is None and bool(wanted)
        return merge([self._whole[worker] for worker in wanted]) if whole else None

    def _are_there(self, workers: list[str]) -> bool:
        return all(map(self._roster.is_reachable, workers))

    def _take(self, message: Message) -> None:
        worker = message.node_id
        pieces = self._pieces.setdefault(worker, [])
        pieces.append(message.data[PIECE])
        if not message.data[MORE]:
            self._whole[worker] = read_samples(io.BytesIO(b"".join(pieces)), worker)
            self._runner.send_message(THANKS, client_id=worker)
