"""Two machines, as two torchrun agents that meet on loopback: one of their ranks is killed, and one process goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet

from loadtest.target.server import free_port
from tests.commands import ROOT
from tests.conftest import QUICK, newest_release, train
from tests.patience import PATIENCE_SECONDS

TOLERANCE = 0.02
"""Of a probability. Sums over parts of a batch round differently, and the steps of three epochs make more of that."""
LINE = "all 2 ranks must live until the end, however: "


def begin_agent(*arguments: str, store: Path, port: int) -> subprocess.Popen[str]:
    meeting = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "test")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1")
    return subprocess.Popen(
        [*torchrun, *meeting, "--local-addr", "127.0.0.1", "-m", "training", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(store), "GLOO_SOCKET_IFNAME": "lo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def find_rank(agent: subprocess.Popen[str], rank: int) -> psutil.Process | None:
    """Return the process of that rank, where this agent has it."""
    ranks = psutil.Process(agent.pid).children()
    return next((process for process in ranks if process.environ().get("RANK") == str(rank)), None)


def wait_for(path: Path, *, agents: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        try:
            agents[0].wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        break
    assert path.exists(), [agent.communicate()[0] for agent in agents]


def test_two_machines_train_together_and_one_goes_on_when_a_rank_is_killed(
    home: Path, cancer_csv: Path, tmp_path: Path
) -> None:
    kept, store = tmp_path / "kept", tmp_path / "home"
    asked = ("--data", str(cancer_csv), "--target", "diagnosis", "--architecture", "large=5x200", *QUICK)
    port = free_port()
    often = ("--checkpoint", str(kept), "--checkpoint-seconds", "1e-9")
    agents = [begin_agent(*asked, *often, store=store, port=port) for _ in range(2)]
    try:
        wait_for(kept / "large.safetensors", agents=agents)
        (killed,) = filter(None, (find_rank(agent, 1) for agent in agents))
        killed.kill()
        said = [agent.communicate(timeout=PATIENCE_SECONDS)[0] for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    assert all(agent.returncode == 1 for agent in agents)
    assert sum(output.count(LINE) for output in said) == 1, said
    assert not (store / "models").exists() or not list((store / "models").iterdir())

    ended = train(store, *asked, "--resume", str(kept))
    assert ended.returncode == 0, ended.stderr
    assert not kept.exists()
    found, alone = (
        pyarrow.parquet.read_table(folder / "models/archscale-evaluation" / newest_release(folder) / "held_out.parquet")
        for folder in (store, home)
    )
    np.testing.assert_allclose(found["prediction:large"], alone["prediction:large"], atol=TOLERANCE)
