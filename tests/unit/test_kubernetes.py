"""What schemas do not say of the manifests: each setting is one, what is given suffices, what selects finds."""

import copy
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from loadtest.analysis.fleet import Ask, plan_fleets
from loadtest.analysis.sizing import size_deployment
from loadtest.report.overlay import write_overlay
from service.contract.names import DEFAULT_ARCHITECTURES
from service.contract.routes import PROBES
from service.image import FINAL_STAGE
from service.settings import PREFIX, ServiceSettings
from tests import studies
from tests.deployed import assert_memory_suffices, read_settings
from tests.kubernetes import DEPLOYED, KUBECTL, OVERLAYS, USER, Rendered, render
from tests.pages import find_snippets, read_commands
from tests.patience import PATIENCE_SECONDS

DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")
ENDING_SECONDS = 5
"""After the drain: a second of silence on each connection, two for what is under way, two for the processes."""
PROBE_NAMES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(scope="module")
def all_rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """Each overlay, and one that a plan was written as: rendered once for all tests."""
    planned = tmp_path_factory.mktemp("plan") / "planned"
    plan = plan_fleets(studies.study(), Ask(rate=5_000, headroom=0.4))
    write_overlay(plan, size_deployment(plan, "large"), planned)
    return {**{name: render(DEPLOYED / "overlays" / name) for name in OVERLAYS}, "planned": render(planned)}


@pytest.fixture(params=[*OVERLAYS, "planned"])
def rendered(request: pytest.FixtureRequest, all_rendered: dict[str, Rendered]) -> Rendered:
    return all_rendered[request.param]


@pytest.fixture
def settings(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    return read_settings(rendered.environment, monkeypatch)


def count_workers(rendered: Rendered, settings: ServiceSettings) -> int:
    """As many as are set, or as the container has processors."""
    named = "workers" in settings.model_fields_set
    return settings.workers if named else int(rendered.container["resources"]["limits"]["cpu"])


def find(value: Any, name: str) -> Iterator[Any]:
    """Yield whatever is called so, however deep it lies."""
    if isinstance(value, dict):
        yield from (inner for key, inner in value.items() if key == name)
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from find(inner, name)


def test_the_schemas_of_kubernetes_take_every_manifest(rendered: Rendered) -> None:
    assert len(rendered.manifests) == 6
    for manifest in rendered.manifests:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_word_that_is_misspelt_is_not_taken(all_rendered: dict[str, Rendered]) -> None:
    misspelt = copy.deepcopy(all_rendered["small"].find("Deployment"))
    misspelt["spec"]["template"]["spec"]["enableServiceLink"] = False
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, kubernetes_validate.latest_version(), strict=True)


def test_every_variable_is_a_setting_with_a_value_that_it_takes(rendered: Rendered, settings: ServiceSettings) -> None:
    others = {name for name in rendered.environment if not name.startswith(PREFIX)}
    assert others == {"BENTOML_PORT"}
    assert len(settings.model_fields_set) == len(rendered.environment) - len(others)


def test_overlays_name_architectures_that_there_are(all_rendered: dict[str, Rendered]) -> None:
    named = {name: set(found.environment[f"{PREFIX}ARCHITECTURES"].split(",")) for name, found in all_rendered.items()}
    assert named == {
        "small": {"small"},
        "large": {"large"},
        "both": set(DEFAULT_ARCHITECTURES),
        "planned": {"large"},
    }


def test_the_limits_are_what_the_service_needs_whatever_is_sent(rendered: Rendered, settings: ServiceSettings) -> None:
    resources, workers = rendered.container["resources"], count_workers(rendered, settings)
    assert resources["limits"] == resources["requests"]
    assert int(resources["limits"]["cpu"]) == workers
    assert_memory_suffices(rendered.memory, workers, settings)


def test_a_drain_ends_before_the_grace_period_and_is_seen_before_it_ends(
    rendered: Rendered, settings: ServiceSettings
) -> None:
    probe = rendered.container["readinessProbe"]
    assert settings.drain_seconds + ENDING_SECONDS <= rendered.pod["spec"]["terminationGracePeriodSeconds"]
    assert probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"] < settings.drain_seconds
    assert "lifecycle" not in rendered.container


def test_a_replica_replaces_its_own_workers_before_it_is_replaced(
    rendered: Rendered, settings: ServiceSettings
) -> None:
    probe = rendered.container["livenessProbe"]
    assert probe["periodSeconds"] * (probe["failureThreshold"] - 1) > settings.hang_seconds


def test_ports_are_those_that_the_service_listens_on_and_probes_need_no_key(rendered: Rendered) -> None:
    (port,) = rendered.container["ports"]
    assert str(port["containerPort"]) == rendered.environment["BENTOML_PORT"]
    (service_port,) = rendered.find("Service")["spec"]["ports"]
    (rule,) = rendered.find("NetworkPolicy")["spec"]["ingress"]
    assert service_port["targetPort"] == port["name"] == rule["ports"][0]["port"]
    for name in PROBE_NAMES:
        probe = rendered.container[name]
        if name == "livenessProbe":  # HTTP is refused where connections have no room
            assert probe["tcpSocket"] == {"port": port["name"]}
        else:
            assert probe["httpGet"]["port"] == port["name"]
            assert probe["httpGet"]["path"] in PROBES


def test_every_image_is_by_digest(rendered: Rendered) -> None:
    images = [image for manifest in rendered.manifests for image in find(manifest, "image")]
    assert images
    assert all(DIGEST.fullmatch(image) for image in images)


def test_every_selector_finds_the_replicas(rendered: Rendered) -> None:
    labels, spec = rendered.pod["metadata"]["labels"], rendered.pod["spec"]
    selectors = [
        rendered.find("Service")["spec"]["selector"],
        *(rendered.find(kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")),
        rendered.find("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in spec["topologySpreadConstraints"]),
    ]
    assert selectors == [labels] * 6
    keys = [each["topologyKey"] for each in spec["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def test_the_autoscaler_alone_decides_how_many_replicas_there_are(rendered: Rendered) -> None:
    deployment, spec = rendered.find("Deployment"), rendered.find("HorizontalPodAutoscaler")["spec"]
    target = {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": deployment["metadata"]["name"]}
    assert spec["scaleTargetRef"] == target
    assert "replicas" not in deployment["spec"]
    assert 2 <= spec["minReplicas"] < spec["maxReplicas"]
    assert rendered.find("PodDisruptionBudget")["spec"]["maxUnavailable"] < spec["minReplicas"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_replica_may_do_what_it_has_to_and_nothing_else(rendered: Rendered) -> None:
    spec = rendered.pod["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert rendered.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert rendered.find("NetworkPolicy")["spec"]["egress"] == []


def test_what_is_written_and_the_keys_lie_on_volumes(rendered: Rendered, settings: ServiceSettings) -> None:
    mounts = {mount["name"]: mount for mount in rendered.container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in rendered.pod["spec"]["volumes"]}
    assert mounts.keys() == volumes.keys() == {"tmp", "keys"}
    home = re.search(r"BENTOML_HOME=(\S+)", FINAL_STAGE)
    assert home is not None
    assert PurePosixPath(home[1]).is_relative_to(mounts["tmp"]["mountPath"])
    assert settings.keys_file is not None
    assert str(settings.keys_file.parent) == mounts["keys"]["mountPath"]
    assert "subPath" not in mounts["keys"]  # a file of its own would never change
    assert volumes["keys"]["secret"]["optional"] is True


def test_the_secret_that_is_typed_is_the_one_that_is_mounted(all_rendered: dict[str, Rendered], tmp_path: Path) -> None:
    rendered = all_rendered["small"]
    (tmp_path / "keys.txt").write_text("alice ...\n")
    of_kubectl = [snippet for snippet in find_snippets("bash") if "kubectl" in snippet.code]
    commands = [words for snippet in of_kubectl for words in read_commands(snippet)]
    (words,) = (
        words for words in commands if "archscale-keys" in words and words[:3] == ["kubectl", "create", "secret"]
    )
    command = [str(KUBECTL), *words[1 : words.index(">")]]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
    secret = yaml.safe_load(ended.stdout)
    (volume,) = (volume for volume in rendered.pod["spec"]["volumes"] if volume["name"] == "keys")
    assert secret["metadata"]["name"] == volume["secret"]["secretName"]
    assert list(secret["data"]) == [PurePosixPath(rendered.environment["ARCHSCALE_KEYS_FILE"]).name]


@pytest.fixture
def change(tmp_path: Path) -> Callable[[str, str], dict[str, Rendered]]:
    """Render what is deployed with other words in the base."""

    def render_changed(old: str, new: str) -> dict[str, Rendered]:
        folder = shutil.copytree(DEPLOYED, tmp_path / "kubernetes")
        file = folder / "base/kustomization.yaml"
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))
        return {name: render(folder / "overlays" / name) for name in OVERLAYS}

    return render_changed


def test_one_place_says_which_image_all_overlays_run(change: Callable[[str, str], dict[str, Rendered]]) -> None:
    image = f"registry.example/archscale@sha256:{'1' * 64}"
    changed = change(f"registry.invalid/archscale\n    digest: sha256:{'0' * 64}", image.replace("@", "\n    digest: "))
    assert [found.container["image"] for found in changed.values()] == [image] * len(OVERLAYS)


def test_a_setting_that_is_changed_rolls_the_replicas(
    change: Callable[[str, str], dict[str, Rendered]], all_rendered: dict[str, Rendered]
) -> None:
    for name, changed in change("DRAIN_SECONDS=10", "DRAIN_SECONDS=12").items():
        assert changed.environment[f"{PREFIX}DRAIN_SECONDS"] == "12"
        assert changed.pod != all_rendered[name].pod


def test_a_plan_is_written_with_its_replicas_and_its_share_of_the_processors(all_rendered: dict[str, Rendered]) -> None:
    spec = all_rendered["planned"].find("HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (8, 16)
    assert list(find(spec, "averageUtilization")) == [60]


def test_one_label_finds_all_that_was_applied(rendered: Rendered) -> None:
    labels = rendered.pod["metadata"]["labels"]
    assert [each["metadata"]["labels"] for each in rendered.manifests] == [labels] * len(rendered.manifests)
