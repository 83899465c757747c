"""deploy/loadtest: what schemas do not say. Options are Locust's and the locustfile's, ports meet, numbers agree."""

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import PurePosixPath
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bench.generator_image import read_packages
from tests.commands import ROOT
from tests.kubernetes import render
from tests.patience import PATIENCE_SECONDS

FOLDER = ROOT / "deploy/loadtest"
CONF = "locust.conf"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = 1000
LOCUST_READS = """
import locust, json, sys
from locust.argument_parser import get_parser
from loadtest import locustfile
from loadtest.study.open_run import check_report
for words in json.loads(sys.argv[1]):
    options = get_parser().parse_args(words)
    if options.master:
        locustfile.prepared.check_numbers(options)
        kinds = ("SmallUser", "ArchitectureUser", "OpenSmallUser", "OpenArchitectureUser")
        users = locustfile.choose_users([getattr(locustfile, kind) for kind in kinds], options)
        check_report(options, [issubclass(user, locustfile.OpenUser) for user in users])
    print(json.dumps(vars(options), default=str))
"""

Manifest = dict[str, Any]
Read = list[dict[str, Any]]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render(FOLDER).manifests


@pytest.fixture(scope="module")
def by_name(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {f"{manifest['kind']} {manifest['metadata']['name']}": manifest for manifest in manifests}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return services


def pod(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def container(manifest: Manifest) -> dict[str, Any]:
    (only,) = pod(manifest)["containers"]
    return dict(only)


@pytest.fixture(scope="module")
def jobs(by_name: dict[str, Manifest]) -> tuple[Manifest, Manifest]:
    return by_name["Job loadtest-master"], by_name["Job loadtest-workers"]


@pytest.fixture(scope="module")
def read(jobs: tuple[Manifest, Manifest], compose: dict[str, Any]) -> Read:
    """What the real parser makes of the command lines of master and worker, in Kubernetes and in compose."""
    lines = [container(job)["args"] for job in jobs] + [compose[name]["command"] for name in ("master", "worker")]
    lines = [[str(FOLDER / CONF) if word == f"/etc/loadtest/{CONF}" else word for word in line] for line in lines]
    ended = subprocess.run(
        [sys.executable, "-c", LOCUST_READS, json.dumps(lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_every_manifest_is_one_of_kubernetes(manifests: list[Manifest]) -> None:
    assert len(manifests) == 4
    for manifest in manifests:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_master_waits_for_as_many_workers_as_there_are_and_each_has_a_source(
    jobs: tuple[Manifest, Manifest], compose: dict[str, Any], read: Read
) -> None:
    workers = jobs[1]["spec"]
    assert workers["parallelism"] == workers["completions"] == compose["worker"]["deploy"]["replicas"]
    for master in (read[0], read[2]):
        assert master["expect_workers"] == master["num_users"] == master["spawn_rate"] == workers["parallelism"]


def test_workers_find_their_master(
    jobs: tuple[Manifest, Manifest], by_name: dict[str, Manifest], compose: dict[str, Any], read: Read
) -> None:
    service = by_name["Service loadtest-master"]
    (port,) = service["spec"]["ports"]
    (opened,) = container(jobs[0])["ports"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= jobs[0]["spec"]["template"]["metadata"]["labels"].items()
    assert port["targetPort"] == opened["name"]
    assert [each["worker"] for each in read] == [False, True, False, True]
    assert read[1]["master_host"] == service["metadata"]["name"]
    assert read[3]["master_host"] in compose
    for master, worker in ((read[0], read[1]), (read[2], read[3])):
        assert master["master_bind_port"] == worker["master_port"] == port["port"] == opened["containerPort"]


def test_the_masters_settings_and_results_are_where_it_looks_for_them(
    jobs: tuple[Manifest, Manifest], by_name: dict[str, Manifest], compose: dict[str, Any], read: Read
) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container(jobs[0])["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(jobs[0])["volumes"]}
    assert mounts.keys() == volumes.keys()
    settings = by_name[f"ConfigMap {volumes['settings']['configMap']['name']}"]
    assert settings["data"] == {CONF: (FOLDER / CONF).read_text()}
    assert f"{mounts['settings']}/{CONF}" in container(jobs[0])["args"]
    assert mounts["results"] == read[0]["report"] == read[2]["report"]
    inside = {volume.split(":")[0]: volume.split(":")[1] for volume in compose["master"]["volumes"]}
    assert inside[f"./{CONF}"] in compose["master"]["command"]
    assert inside["results"] == read[2]["report"]
    assert f"VOLUME {read[2]['report']}\n" in DOCKERFILE


def test_master_and_workers_have_a_key_for_a_service_that_asks_for_one(
    jobs: tuple[Manifest, Manifest], read: Read
) -> None:
    (service,) = (each for each in render(ROOT / "deploy/kubernetes/base").manifests if each["kind"] == "Deployment")
    assert "ARCHSCALE_KEYS_FILE" in {setting["name"] for setting in container(service)["env"]}
    replicas = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert "ARCHSCALE_KEYS_FILE" not in replicas["first"]["environment"]
    file = PurePosixPath(read[0]["api_key_file"])
    for job in jobs:
        (mount,) = (each for each in container(job)["volumeMounts"] if each["name"] == "key")
        (secret,) = (each["secret"] for each in pod(job)["volumes"] if each["name"] == "key")
        assert mount["mountPath"] == str(file.parent)
        assert (secret["secretName"], secret["defaultMode"]) == ("loadtest-key", 0o440)
        assert pod(job)["securityContext"]["fsGroup"] == USER
    assert f"secret generic loadtest-key --from-file={file.name}" in (FOLDER / "kustomization.yaml").read_text()
    assert read[2]["api_key_file"] is None


def test_containers_may_do_nothing_but_load(jobs: tuple[Manifest, Manifest], compose: dict[str, Any]) -> None:
    for job in jobs:
        restricted, template = container(job), job["spec"]["template"]
        assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", restricted["image"])
        assert restricted["securityContext"] == RESTRICTED
        assert (pod(job)["securityContext"]["runAsNonRoot"], pod(job)["securityContext"]["runAsUser"]) == (True, USER)
        assert (pod(job)["automountServiceAccountToken"], pod(job)["enableServiceLinks"]) == (False, False)
        assert restricted["resources"].keys() == {"requests", "limits"}
        assert "archscale-client" in template["metadata"]["labels"]
        affinity = pod(job).get("affinity", {}).get("podAntiAffinity", {})
        for term in affinity.get("preferredDuringSchedulingIgnoredDuringExecution", []):
            (asked,) = term["podAffinityTerm"]["labelSelector"]["matchExpressions"]
            assert template["metadata"]["labels"][asked["key"]] in asked["values"]
        assert job["spec"]["backoffLimit"] == 0
    assert f"USER {USER}:{USER}\n" in DOCKERFILE
    for service in compose.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_the_image_has_all_that_the_load_test_imports() -> None:
    installed = {canonicalize_name(Requirement(text).name) for text in read_packages()}
    locked = {line.partition("==")[0] for line in (ROOT / "requirements/dev.txt").read_text().splitlines()}
    assert installed <= locked
    needed = [Requirement(text) for name in installed for text in requires(name) or () if "extra" not in text]
    installed |= {canonicalize_name(requirement.name) for requirement in needed}
    ours, theirs = imported()
    assert ours == {"loadtest", "service", "service.contract"}
    distributions = packages_distributions()
    for name in theirs:
        assert installed & set(map(canonicalize_name, distributions[name])), name


def imported() -> tuple[set[str], set[str]]:
    """Packages of this project, to the second level for the service, and others, that the load test imports."""
    ours, theirs = set[str](), set[str]()
    for file in (*(ROOT / "loadtest").rglob("*.py"), *(ROOT / "service/contract").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for parts in (name.split(".") for name in names):
                if parts[0] in {"loadtest", "service"}:
                    ours.add(".".join(parts[:2]) if parts[0] == "service" else parts[0])
                elif parts[0] not in sys.stdlib_module_names:
                    theirs.add(parts[0])
    return ours, theirs
