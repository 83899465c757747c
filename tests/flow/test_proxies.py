"""Behind a real HAProxy and a real nginx, services are replaced and nobody notices."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.routes import JSON_MEDIA_TYPE
from service.settings import load_settings
from tests.bench.rolling import Pair, pair, roll
from tests.commands import ROOT
from tests.conftest import newest_release, train
from tests.flow.steady import Connection, fetch, run
from tests.patience import get, post
from tests.proxies import KINDS, proxy, require

REQUESTS = 2_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rolling_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BENTOML_HOME with the release of ``home``, and a newer one."""
    path = tmp_path_factory.mktemp("rolling-home")
    shutil.copytree(home / "models", path / "models")
    return path


@pytest.fixture(scope="module")
def newer_release(rolling_home: Path, cancer_csv: Path) -> str:
    shape = ("--architecture", "small=2x50", "--epochs", "3", "--seed", "8")
    trained = train(rolling_home, "--data", str(cancer_csv), "--target", "diagnosis", *shape)
    assert trained.returncode == 0, trained.stderr
    return newest_release(rolling_home)


@pytest.fixture(scope="module")
def services(rolling_home: Path, release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    require()
    with pair(rolling_home, tmp_path_factory.mktemp("pair"), release) as services:
        yield services


@pytest.mark.parametrize("name", KINDS)
def test_an_update_and_the_way_back_fail_no_request(
    services: Pair, name: str, rolling_home: Path, release: str, newer_release: str, tmp_path: Path
) -> None:
    with proxy(name, services.ports, tmp_path) as front:
        for old, new in ((release, newer_release), (newer_release, release)):
            tally = asyncio.run(roll(services, front, rolling_home, old, new, requests=REQUESTS))
            assert (tally.lost, tally.refused, tally.wrong, tally.knocks) == (0, 0, 0, 0), tally.remembered
            assert tally.right == tally.sent >= REQUESTS
            assert set(tally.releases) == {old, new}
            assert len(tally.workers) >= 4  # each service before and after


@pytest.mark.parametrize("name", KINDS)
def test_a_body_that_is_too_large_is_refused_as_such(services: Pair, name: str, tmp_path: Path) -> None:
    body = bytes(load_settings().max_body_bytes + 1)
    with proxy(name, services.ports, tmp_path) as front:
        answer = post(f"{front.url}/predict/small", content=body, headers={"Content-Type": JSON_MEDIA_TYPE})
        assert answer.status_code == 413
        assert get(f"{front.url}/models").status_code == 200


@pytest.mark.parametrize("name", KINDS)
def test_a_proxy_keeps_the_metrics_to_itself(services: Pair, name: str, tmp_path: Path) -> None:
    with proxy(name, services.ports, tmp_path) as front:
        assert get(f"{front.url}/metrics").status_code == 404
        assert get(f"{front.url}/models").status_code == 200

        async def scene() -> None:
            async with await Connection.to(front) as connection:
                for _ in range(4):
                    assert (await connection.ask(fetch("/readyz"))).status == 200

        run(scene())


def test_proxies_take_their_files_as_they_are_also_where_no_replica_has_a_name(tmp_path: Path) -> None:
    require()
    here = tmp_path / "nginx.conf"
    here.write_text((ROOT / "deploy/nginx.conf").read_text().replace("/tmp/nginx.pid", str(tmp_path / "nginx.pid")))
    for command in (["haproxy", "-c", "-f", "deploy/haproxy.cfg"], ["nginx", "-t", "-c", str(here)]):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
