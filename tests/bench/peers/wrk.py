"""Drive one route with ``wrk`` from a processor of its own (Debian package wrk)."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loadtest.record.errors import MeasurementError
from tests.bench.peers.bodies import Body

CONNECTIONS = 16
SCRIPT = """
wrk.method = "POST"
wrk.body = io.open("{body}", "rb"):read("*a")
{headers}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, ',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
  io.write(string.format('"refused": %d, "failed": %d}}\\n', e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What one run found. refused: of the requests, those whose answers had another status than 2xx."""

    requests_per_second: float
    requests: int
    p50_ms: float
    p99_ms: float
    refused: int


def drive(
    url: str,
    body: Body,
    *,
    seconds: int,
    processor: int,
    connections: int = CONNECTIONS,
    may_refuse: bool = False,
) -> Load:
    """POST ``body`` again and again. Raises MeasurementError if an answer has not status 2xx or wrk is missing.

    may_refuse: such answers are counted instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "body", Path(folder) / "script.lua"
        file.write_bytes(body.content)
        headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in body.headers.items())
        script.write_text(SCRIPT.format(body=file, headers=headers))
        command = ["taskset", "-c", str(processor), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        try:
            ended = subprocess.run(
                [*command, "-s", script, url], capture_output=True, text=True, timeout=seconds + 30, check=True
            )
        except FileNotFoundError:
            raise MeasurementError("wrk and taskset must be installed, however: they are not. Install them.") from None
    found = json.loads(ended.stdout.splitlines()[-1])
    if found["failed"] or not found["requests"] or (found["refused"] and not may_refuse):
        raise MeasurementError(f"every answer must have status 2xx, however: {url}: {found}.")
    return Load(
        found["requests"] / found["seconds"], found["requests"], found["p50_ms"], found["p99_ms"], found["refused"]
    )
