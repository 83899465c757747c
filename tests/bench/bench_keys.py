"""What a key costs: microseconds of processor time for each request. Run: python -m tests.bench.bench_keys.

In process: the header is read, hashed, looked up and counted, as the service does it for every request.
"""

import os
import tempfile
import time
import timeit
from pathlib import Path

from service.access.key_file import KeyFile, append_key, make_key

KEYS = (1, 10, 1000)
REQUESTS, REPEATS = 100_000, 5
UNBOUNDED = 1e6
"""Requests per second: a rate that nobody reaches."""


def main() -> None:
    """Print the least of some repeats, without and with a rate."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # where workers share what they count
        from service.access.guard import Guard
        from service.access.tally import Tally

        for count in KEYS:
            file = Path(folder, f"keys-{count}")
            keys = [make_key() for _ in range(count)]
            for number, key in enumerate(keys):
                append_key(file, f"key-{number}", key)
            headers = {b"host": b"x", b"authorization": f"Bearer {keys[-1]}".encode()}
            for rate in (None, UNBOUNDED):
                guard = Guard(KeyFile(file), Tally(), "release", rate=rate, workers=1)
                ask = timeit.Timer(lambda: guard.refusal("/predict/small", headers), timer=time.process_time)  # noqa: B023
                seconds = min(ask.repeat(REPEATS, REQUESTS)) / REQUESTS
                print(f"{count:5} keys, {'with' if rate else 'without'} a rate: {seconds * 1e6:.2f} us")


if __name__ == "__main__":
    main()
