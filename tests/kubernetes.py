"""What is deployed to a cluster, as kubectl renders it, and what follows from that."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from sys import executable
from typing import Any

import yaml

from service.contract.memory import MIB
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

KUBECTL = Path(executable).parent / "kubectl"
DEPLOYED = ROOT / "deploy/kubernetes"
OVERLAYS = ("small", "large", "both")
USER = 1034
"""The image's user, and its group."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """All manifests of an overlay."""

    manifests: list[Manifest]

    def find(self, kind: str) -> Manifest:
        """Return the only manifest of this kind."""
        (found,) = (manifest for manifest in self.manifests if manifest["kind"] == kind)
        return found

    @cached_property
    def pod(self) -> Manifest:
        """What a replica is made from: labels and spec."""
        template: Manifest = self.find("Deployment")["spec"]["template"]
        return template

    @cached_property
    def container(self) -> Manifest:
        """The only container of a replica."""
        (found,) = self.pod["spec"]["containers"]
        return dict(found)

    @cached_property
    def environment(self) -> dict[str, str]:
        """Variables that the container is started with."""
        settings = self.find("ConfigMap")
        (source,) = self.container["envFrom"]
        assert source == {"configMapRef": {"name": settings["metadata"]["name"]}}
        return {**settings["data"], **{each["name"]: each["value"] for each in self.container["env"]}}

    @cached_property
    def memory(self) -> int:
        """Bytes that the container may use."""
        text = self.container["resources"]["limits"]["memory"]
        assert text.endswith("Mi")
        return int(text.removesuffix("Mi")) * MIB


def render(folder: Path) -> Rendered:
    """Render the kustomization in ``folder``."""
    command = [str(KUBECTL), "kustomize", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return Rendered(list(yaml.safe_load_all(ended.stdout)))


def make_service_links(service: Manifest) -> dict[str, str]:
    """Return the variables that Kubernetes puts into containers for a Service, unless it is told not to.

    As its documentation says: Service, Discovering services, Environment variables.
    """
    name = service["metadata"]["name"].upper().replace("-", "_")
    (port,) = service["spec"]["ports"]
    address, number = "10.0.0.11", port["port"]
    whole = f"{name}_PORT_{number}_TCP"
    return {
        f"{name}_SERVICE_HOST": address,
        f"{name}_SERVICE_PORT": str(number),
        f"{name}_SERVICE_PORT_{port['name'].upper()}": str(number),
        f"{name}_PORT": f"tcp://{address}:{number}",
        whole: f"tcp://{address}:{number}",
        f"{whole}_PROTO": "tcp",
        f"{whole}_PORT": str(number),
        f"{whole}_ADDR": address,
    }
