"""Rules, alerts and dashboard, without a service: what promtool says of them, and what it does not look at."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from service.contract.routes import METRICS_ROUTE
from tests.commands import ROOT
from tests.prometheus import FOLDER, fill_in, metrics_in, panel_queries, read_dashboard, read_rules, require

RULES = read_rules()
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
ALERTS = [rule for rule in RULES if "alert" in rule]
COLUMNS = 24
"""Of a dashboard."""


def promtool(*arguments: str) -> str:
    require()
    ended = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_configuration_and_its_rules_are_right() -> None:
    assert "2 rule files found" in promtool("check", "config", "prometheus.yml")


def test_so_is_that_for_kubernetes(tmp_path: Path) -> None:
    # Debian's Prometheus (2.42) can't discover pods: it takes all but that. The key is mounted by the cluster.
    text = (FOLDER / "prometheus-kubernetes.yml").read_text()
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "prometheus.key").touch()
    tested = tmp_path / "tested.yml"
    text = text.replace("kubernetes_sd_configs:\n      - role: pod\n", "static_configs: []\n")
    tested.write_text(text.replace("/etc/prometheus/archscale/prometheus.key", "prometheus.key"))
    assert "2 rule files found" in promtool("check", "config", str(tested))


def test_every_case_of_the_alerts_holds() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = {case["name"]: case for case in yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]}
    for alert in ALERTS:
        name = alert["alert"]
        expected = [test["exp_samples"] for test in cases[name]["promql_expr_test"]]
        assert [] in expected, name
        assert f'alertname="{name}"' in json.dumps(expected).replace("\\", ""), name


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_what_it_saw_and_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(alert["annotations"]) == {"summary", "description"}
    assert all(text.endswith(".") for text in alert["annotations"].values())


def test_the_page_tells_of_every_alert_and_no_other() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    assert set(re.findall(r"^\| `(Archscale\w+)`", page, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}


def test_what_is_recorded_is_asked_for_and_what_is_asked_for_is_recorded() -> None:
    annotations = [text for alert in ALERTS for text in alert["annotations"].values()]
    asked = metrics_in([rule["expr"] for rule in RULES] + [*panel_queries().values()] + annotations)
    assert {name for name in asked if ":" in name} == RECORDED


def test_every_panel_asks_the_data_source_that_is_chosen() -> None:
    dashboard = read_dashboard()
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asking = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    variables = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    asking += [target for panel in asking for target in panel["targets"]] + variables
    assert all(thing["datasource"] == chosen for thing in asking)
    assert dashboard["templating"]["list"][0] == dashboard["templating"]["list"][0] | {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
    }


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = read_dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < COLUMNS


def test_alerts_that_a_panel_names_exist() -> None:
    named = set(re.findall(r"Archscale\w+", json.dumps(read_dashboard()["panels"])))
    assert named <= {alert["alert"] for alert in ALERTS}


def test_what_is_scraped_is_the_route_of_the_contract() -> None:
    for name in ("prometheus.yml", "prometheus-kubernetes.yml"):
        (job,) = yaml.safe_load((FOLDER / name).read_text())["scrape_configs"]
        assert job.get("metrics_path", "/metrics") == METRICS_ROUTE
        assert job["job_name"] == fill_in("$job")


@pytest.mark.parametrize(("in_ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_prometheus_a_test_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, in_ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", in_ci)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "promtool" else program)
    with pytest.raises(outcome, match="by prometheus and promtool, however: no promtool"):
        require()
