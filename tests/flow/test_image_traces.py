"""The image with the exporter of traces, which the service's own does not carry."""

import re
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.container import running
from tests.patience import PATIENCE_SECONDS, get
from tests.podman import Podman, run
from tests.traces import FOLDER, configure, otlp, settings

pytestmark = pytest.mark.slow

CONTAINERFILE = (FOLDER / "Containerfile").read_text()
INSIDE = "/etc/archscale/tracing.yml"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def exporter() -> str:
    (found,) = re.findall(r"opentelemetry-exporter-\S+==\S+", CONTAINERFILE)
    return str(found)


def test_the_exporter_goes_with_the_packages_of_the_service() -> None:
    locked = re.findall(r"^opentelemetry-sdk==(\S+)", (ROOT / "requirements/service.txt").read_text(), re.MULTILINE)
    assert locked == [exporter().partition("==")[2]]


def test_the_image_with_the_exporter_sends_traces(podman: Podman, image: str, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "download", "--quiet", exporter(), "--dest", str(podman.wheels))
    volume = f"--volume={podman.wheels.parent}:/etc/xdg:ro"
    name = f"{image}-traces"
    podman("build", "--network=none", volume, f"--build-arg=IMAGE={image}", f"--tag={name}", str(FOLDER))
    with otlp() as (endpoint, collector):
        config = configure(tmp_path, endpoint)
        given = settings(config) | {"BENTOML_CONFIG": INSIDE}
        with running(podman, name, f"--volume={config}:{INSIDE}:ro", **given) as container:
            get(f"{container.url}/models", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"})
            while (span := collector.spans.get(timeout=PATIENCE_SECONDS)[0]).trace_id.hex() != TRACE_ID:
                pass
    assert span.name == "GET /models"
    assert podman("inspect", "--format", "{{.Config.User}}", name).strip() == "bentoml"
