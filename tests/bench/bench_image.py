"""The image as it runs: size, start, stop, memory, and throughput against the service outside. Run: make bench-image.

Needs root, podman, runc and mmdebstrap (as the image's tests do), two processors, wrk, and a release in the store.
Takes three minutes, most of them to build.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loadtest.record.intervals import median, paired_ratio
from loadtest.target.catalogue import read_examples
from loadtest.target.server import link_models, serve_newest
from service.contract.routes import predict_route
from tests.bench.peers.bodies import as_json
from tests.bench.peers.wrk import drive
from tests.container import running
from tests.podman import Podman, private_podman, run

STARTS = 4
ROUNDS = 6
SECONDS = 3
BYTES_IN_MB = 1e6


def main() -> None:
    """Build, measure, print a line for each figure."""
    with tempfile.TemporaryDirectory() as folder:
        home, storage = Path(folder) / "home", Path(folder) / "podman"
        link_models(home)
        storage.mkdir()
        with private_podman(storage) as podman:
            image = _build(podman, home)
            _show_size(podman, image)
            for workers in ("1", "2"):
                _show_starts(podman, image, workers)
            _show_throughput(podman, image)


def _build(podman: Podman, home: Path) -> str:
    run(
        "make",
        "--assume-old=.venv/.installed",
        f"BIN={Path(sys.executable).parent}",
        "ENGINE=podman",
        f"IMAGE_OPTIONS={' '.join(podman.build_options)}",
        "image",
        environment={**podman.environment, "BENTOML_HOME": str(home)},
    )
    version = (home / "bentos/archscale/latest").read_text().strip()
    return f"localhost/archscale:{version}"


def _show_size(podman: Podman, image: str) -> None:
    size = int(podman("image", "inspect", "--format", "{{.Size}}", image))
    packed = subprocess.run(
        ["bash", "-c", f"podman save {image} | gzip -6 | wc -c"],
        env=podman.full_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"size: {size / BYTES_IN_MB:.0f} MB, compressed {int(packed.stdout) / BYTES_IN_MB:.0f} MB")


def _show_starts(podman: Podman, image: str, workers: str) -> None:
    ready, stopped, memory = [], [], 0.0
    for _ in range(STARTS):
        began = time.monotonic()
        with running(podman, image, ARCHSCALE_WORKERS=workers) as container:
            ready.append(time.monotonic() - began)
            memory = max(worker.memory_info().rss for worker in container.workers) / BYTES_IN_MB
            began = time.monotonic()
            container.stop()
            stopped.append(time.monotonic() - began)
    print(
        f"{workers} worker(s): podman run to ready {min(ready):.1f} to {max(ready):.1f} s, SIGTERM to exit "
        f"{min(stopped):.1f} to {max(stopped):.1f} s, {memory:.0f} MB a worker"
    )


def _show_throughput(podman: Podman, image: str) -> None:
    """Both on one processor, driven in turn from another."""
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    inside: list[float] = []
    outside: list[float] = []
    with (
        running(podman, image, f"--cpuset-cpus={ours}", ARCHSCALE_WORKERS="1") as container,
        serve_newest(ARCHSCALE_WORKERS="1") as server,
    ):
        features = read_examples(server.url, "small").rows.features[:1]
        body = as_json(features)
        for _ in range(ROUNDS):
            for found, url in ((inside, container.url), (outside, server.url)):
                route = url + predict_route("small")
                load = drive(route, body, seconds=SECONDS, processor=driver)
                found.append(load.requests_per_second)
    print(f"requests/s of one row: {median(inside):,.0f} inside; inside / outside {paired_ratio(inside, outside)}")


if __name__ == "__main__":
    main()
