"""Behind a real HAProxy and a real nginx, services are replaced and nobody notices."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.contract.routes import JSON_MEDIA_TYPE
from service.settings import load_settings
from tests.bench.rolling import Pair, pair, roll
from tests.flow.steady import Connection, fetch, run
from tests.patience import get, post
from tests.proxies import KINDS, proxy, require

REQUESTS = 2_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def services(store: Callable[[], Path], release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    require()
    with pair(store(), tmp_path_factory.mktemp("pair"), release) as services:
        yield services


@pytest.mark.parametrize("name", KINDS)
def test_a_rolling_restart_fails_no_request(
    services: Pair, name: str, home: Path, release: str, tmp_path: Path
) -> None:
    with proxy(name, services.ports, tmp_path) as front:
        rolled = asyncio.run(roll(services, front, home, release, requests=REQUESTS))
    tally = rolled.tally
    assert (tally.lost, tally.refused, tally.wrong, tally.knocks) == (0, 0, 0, 0), tally.remembered
    assert tally.right == tally.sent >= REQUESTS
    assert len(tally.workers) >= 4  # each service before and after
    assert rolled.replaced >= 2


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
