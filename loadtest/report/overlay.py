"""A plan as a kustomize overlay of deploy/kubernetes/base: replicas, processors and memory for one architecture."""

import json
import os
import shutil
from pathlib import Path

from loadtest.analysis.sizing import Sizes
from loadtest.record.errors import InputError
from loadtest.record.fleet import FleetPlan
from loadtest.report.wording import clean, counted
from loadtest.target.server import PROJECT
from service.contract.memory import MIB

BASE = PROJECT / "deploy/kubernetes/base"
FILE = "kustomization.yaml"
OVERLAY = """\
# {headline}
# Written by python -m loadtest plan, from the capacities of release {release} on {machine}.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {base}
configMapGenerator:
  - name: archscale
    behavior: merge
    literals:
      - ARCHSCALE_ARCHITECTURES={architecture}
      - ARCHSCALE_WORKERS={workers}
patches:
  - target: {{kind: Deployment, name: archscale}}
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/resources
        value:
          requests: {{cpu: "{processors}", memory: {memory}Mi}}
          limits: {{cpu: "{processors}", memory: {memory}Mi}}
  # Replicas are added where the planned share of their processors is exceeded. Beyond the most, plan anew.
  - target: {{kind: HorizontalPodAutoscaler, name: archscale}}
    patch: |
      - {{op: replace, path: /spec/minReplicas, value: {replicas}}}
      - {{op: replace, path: /spec/maxReplicas, value: {most_replicas}}}
      - {{op: replace, path: /spec/metrics/0/resource/target/averageUtilization, value: {busy_percent}}}
"""


def write_overlay(plan: FleetPlan, sizes: Sizes, folder: Path) -> None:
    """Write it whole or not at all, into ``folder``, which is made, or empty. Raises InputError."""
    place = folder.resolve()
    if place.is_relative_to(BASE):
        raise InputError(
            f"--write-overlay must be a folder outside the base that it changes, however: {folder}. Choose another."
        )
    draft = place.parent / f".{place.name}.{os.getpid()}.draft"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        (draft / FILE).write_text(compose_overlay(plan, sizes, place))
        draft.rename(place)  # refused where something lies there
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise InputError(
            f"--write-overlay must be a folder that can be made, or an empty one, however: {folder}: "
            f"{error.strerror}. Choose another, or remove it."
        ) from None


def compose_overlay(plan: FleetPlan, sizes: Sizes, place: Path) -> str:
    """Return what stands in the overlay's file. place: its folder, from which the base is named."""
    headline = (
        f"{counted(sizes.replicas, 'replica')} of {sizes.architecture} for {plan.rate:,.10g} requests/s of "
        f"{counted(plan.rows, 'row')} ({plan.body}), p99 <= {plan.slo_p99_ms:g} ms; "
        f"{100 * plan.headroom:g} % of each kept free."
    )
    return OVERLAY.format(
        headline=headline,
        release=clean(plan.release),
        machine=clean(plan.machine),
        base=json.dumps(os.path.relpath(BASE, place), ensure_ascii=False),
        architecture=sizes.architecture,
        workers=sizes.workers,
        processors=sizes.processors,
        memory=sizes.memory_bytes // MIB,
        replicas=sizes.replicas,
        most_replicas=sizes.most_replicas,
        busy_percent=sizes.busy_percent,
    )
