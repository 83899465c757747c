"""A real Prometheus that scrapes a real service under load: every query has an answer, and alerts see what happens."""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.server import Server, free_port, serve
from service.access.key_file import append_key, make_key
from tests.commands import ROOT
from tests.mixed_release import ROWS
from tests.patience import PATIENCE_SECONDS, get
from tests.prometheus import (
    POLL_SECONDS,
    Prometheus,
    configure,
    fill_in,
    metrics_in,
    panel_queries,
    prometheus,
    read_dashboard,
    read_rules,
    require,
)

RATE = 20
KEY = "archscale.key"
CITY = 4
WITHIN = ROWS[0]
OLD = [1000.0, *WITHIN[1:]]
ELSEWHERE = [*WITHIN[:CITY], "Paris", *WITHIN[CITY + 1 :]]
BODIES = [json.dumps({"raw": [row]}) for row in (WITHIN, OLD, ELSEWHERE)] + ["{"]
"""Answered, answered and counted, refused, refused."""
SEEN = {
    "ArchscaleReplicaDown",
    "ArchscaleKeyLimited",
    "ArchscaleBadBodies",
    "ArchscaleOutOfRange",
    "ArchscaleUnknownLevels",
}
"""Alerts that this load brings about."""

pytestmark = pytest.mark.slow


def repeat(do: Callable[[], object], missing: Callable[[], Collection[str]]) -> None:
    """Do something again and again until nothing is missing any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := missing():
        assert time.monotonic() < deadline, left
        do()


def pause() -> None:
    """Let Prometheus work."""
    time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Scene:
    """A service that asks for keys, one more address where nobody is, and a Prometheus that scrapes both."""

    server: Server
    key: str
    observer: Prometheus

    def load(self) -> None:
        """Ask rightly and wrongly, with a key and without, more often than a key may."""
        with httpx.Client(base_url=self.server.url, timeout=PATIENCE_SECONDS) as client:
            known = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
            for _ in range(RATE // 2):
                for body in BODIES:
                    client.post("/predict/tiny/raw", content=body, headers=known)
            client.post("/predict/tiny/raw", content=BODIES[0])


@pytest.fixture(scope="module")
def scene(mixed_home: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require()
    folder = tmp_path_factory.mktemp("observed")
    keys = folder / "keys"
    key, own = make_key(), make_key()
    append_key(keys, "client", key)
    append_key(keys, "prometheus", own)
    (folder / KEY).write_text(own)
    settings = {"ARCHSCALE_KEYS_FILE": str(keys), "ARCHSCALE_RATE_LIMIT": str(RATE), "ARCHSCALE_WORKERS": "1"}
    with ExitStack() as stack:
        server = stack.enter_context(serve(mixed_home("two"), log=folder / "serve.log", **settings))
        changes = {
            "first:3000": server.url.removeprefix("http://"),
            "second:3000": f"127.0.0.1:{free_port()}",
            f"# authorization: {{ credentials_file: {KEY} }}": f"authorization: {{ credentials_file: {KEY} }}",
        }
        observer = stack.enter_context(prometheus(folder, configure("prometheus.yml", changes)))
        yield Scene(server, key, observer)


def test_every_query_of_the_dashboard_has_an_answer(scene: Scene) -> None:
    silent = panel_queries()

    def still_silent() -> Collection[str]:
        for name in [name for name, query in silent.items() if scene.observer.values(query)]:
            del silent[name]
        return silent

    repeat(scene.load, still_silent)


def test_every_rule_is_computed_and_sees_what_happens(scene: Scene) -> None:
    recorded = {rule["record"] for rule in read_rules() if "record" in rule}

    def unseen() -> set[str]:
        empty = {name for name in recorded if not scene.observer.values(name)}
        return empty | (SEEN - scene.observer.alerts().keys())

    repeat(scene.load, unseen)
    rules = [rule for group in scene.observer.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(read_rules())
    assert {(rule["health"], rule.get("lastError")) for rule in rules} == {("ok", None)}
    for rule in read_rules():
        scene.observer.values(rule["expr"])


def test_every_metric_that_is_asked_for_exists(scene: Scene) -> None:
    asked = metrics_in([rule["expr"] for rule in read_rules()] + [*panel_queries().values()])
    (target,) = [target for target in scene.observer.ask("targets")["activeTargets"] if target["health"] == "up"]
    answer = get(target["scrapeUrl"], headers={"Authorization": f"Bearer {scene.key}"})
    exported = {line.partition("{")[0].split()[0] for line in answer.text.splitlines() if not line.startswith("#")}
    assert {name for name in asked if ":" not in name} <= exported
    families = {family.name: family.type for family in text_string_to_metric_families(answer.text)}
    own = {f"{name}_total" if kind == "counter" else name for name, kind in families.items() if "archscale" in name}
    page = (ROOT / "docs/http.md").read_text()
    rows = re.findall(r"^\| (`archscale_.*?) \|", page, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == own


def test_every_choice_of_the_dashboard_has_values(scene: Scene) -> None:
    dashboard = read_dashboard()
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query" and variable["name"] != "namespace":  # which a cluster alone has
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            assert scene.observer.ask(f"label/{label}/values", **{"match[]": fill_in(selector)}), variable["name"]
    for annotation in dashboard["annotations"]["list"]:
        scene.observer.values(fill_in(annotation["expr"]))


def test_bentomls_own_metrics_are_left_out(scene: Scene) -> None:
    names = scene.observer.ask("label/__name__/values")
    assert not [name for name in names if name.startswith("bentoml")]


def test_pods_are_found_by_label_port_and_phase(scene: Scene, tmp_path: Path) -> None:
    # As a cluster would describe them: Debian's Prometheus (2.42) can't ask one.
    def pod(name: str, **changes: str) -> dict[str, Any]:
        labels = {"pod_label_app_kubernetes_io_name": "archscale", "pod_container_port_name": "http"}
        labels |= {"pod_phase": "Running", "pod_name": name, "namespace": "shop", "pod_node_name": "n1"} | changes
        meta = {f"__meta_kubernetes_{label}": value for label, value in labels.items()}
        return {"targets": [scene.server.url.removeprefix("http://")], "labels": meta}

    pods = [
        pod("archscale-0"),
        pod("other-0", pod_label_app_kubernetes_io_name="other"),
        pod("archscale-1", pod_container_port_name="debug"),
        pod("archscale-2", pod_phase="Failed"),
    ]
    (tmp_path / KEY).write_text(scene.key)
    own_key = "/etc/prometheus/archscale/prometheus.key"
    changes = {
        "kubernetes_sd_configs:\n      - role: pod\n": f"static_configs: {json.dumps(pods)}\n",
        own_key: KEY,
    }
    with prometheus(tmp_path, configure("prometheus-kubernetes.yml", changes)) as observer:
        repeat(pause, lambda: {"up"} - {target["health"] for target in observer.ask("targets")["activeTargets"]})
        targets = observer.ask("targets")
    (target,) = targets["activeTargets"]
    assert len(targets["droppedTargets"]) == len(pods) - 1
    named = {"job": "archscale", "instance": "archscale-0", "namespace": "shop", "node": "n1"}
    assert target["labels"] == named


def test_a_worker_that_dies_is_told_of(scene: Scene) -> None:
    (worker,) = scene.server.workers
    worker.kill()
    repeat(pause, lambda: {"ArchscaleWorkerDied"} - scene.observer.alerts().keys())
    alert = scene.observer.alerts()["ArchscaleWorkerDied"]
    assert alert["state"] == "firing"
    assert alert["annotations"]["summary"] == (
        f"A worker of {scene.server.url.removeprefix('http://')} died, and was replaced."
    )
