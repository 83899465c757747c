"""A real service that is started as Kubernetes would: with the variables of a replica, and with those of a Service."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.target.server import Server, serve
from service.access.key_file import append_key, make_key
from service.settings import PREFIX
from tests.commands import bentoml as run_bentoml
from tests.kubernetes import DEPLOYED, Rendered, make_service_links, render
from tests.patience import get

CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_PORT": "tcp://10.0.0.1:443"}
"""What every container gets, whatever it asks for."""


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return render(DEPLOYED / "overlays/small")


@pytest.fixture(scope="module")
def key() -> str:
    return make_key()


@pytest.fixture(scope="module")
def replica(
    rendered: Rendered, key: str, store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Port and file of keys are the test's own, and it need not wait for the drain."""
    folder = tmp_path_factory.mktemp("replica")
    append_key(folder / "keys.txt", "alice", key)
    own = {f"{PREFIX}KEYS_FILE": str(folder / "keys.txt"), f"{PREFIX}DRAIN_SECONDS": "0", f"{PREFIX}WORKERS": "1"}
    environment = {name: value for name, value in rendered.environment.items() if name != "BENTOML_PORT"}
    with serve(store(), log=folder / "serve.log", **{**CLUSTER, **environment, **own}) as server:
        yield server


def test_probes_are_answered_and_the_rest_asks_for_a_key(rendered: Rendered, replica: Server, key: str) -> None:
    for name in ("startupProbe", "readinessProbe"):
        assert get(replica.url + rendered.container[name]["httpGet"]["path"]).status_code == 200
    assert get(f"{replica.url}/models").status_code == 401
    answer = get(f"{replica.url}/models", headers={"Authorization": f"Bearer {key}"})
    assert list(answer.json()["models"]) == ["small"]


def test_the_variables_of_a_service_of_this_name_would_be_refused(rendered: Rendered, home: Path) -> None:
    links = make_service_links(rendered.find("Service"))
    assert "ARCHSCALE_SERVICE_HOST" in links
    refused = run_bentoml("serve", home=home, **{**CLUSTER, **links})
    assert refused.returncode == 2
    (line,) = refused.stderr.strip().splitlines()
    assert f"however: {min(links)}. Correct or unset it." in line
