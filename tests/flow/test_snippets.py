"""What README and docs show is run as it stands; where that takes minutes or a container, its words are checked."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec

import httpx
import pytest

from loadtest import options as loadtest_options
from loadtest.curve import parse_curve
from loadtest.plan import parse_plan
from loadtest.target.server import Server, serve
from service.settings import PREFIX, load_settings
from tests.bench.tables.copy_out import read_file
from tests.bench.tables.public import TABLES
from tests.commands import ROOT
from tests.conftest import QUICK, train
from tests.kubernetes import KUBECTL
from tests.pages import Snippet, find_snippets, read_commands
from tests.patience import PATIENCE_SECONDS
from training import options as training_options
from training.score.options import parse_score_options

URL = "http://127.0.0.1:3000"
PYTHON, SHELL, JSON = (find_snippets(language) for language in ("python", "bash", "json"))
ASKS = [snippet for snippet in SHELL if URL in snippet.code and snippet.code.startswith("curl")]
OF_PENGUINS = [snippet for snippet in ASKS if '"island"' in snippet.code]
TYPED = [snippet for snippet in SHELL if snippet not in ASKS]
OF_THE_SHELL = {".", "cp", "mkdir", "sudo", "export", "for", "done"}
ELSEWHERE = {"docker", "curl"}
"""Programs that need a container: what they are given is read by the shell alone."""
LOCUST_READS = """
import locust, json, sys
from locust.argument_parser import parse_options
from loadtest import locustfile
for words in json.loads(sys.argv[1]):
    assert all(hasattr(locustfile, user) for user in parse_options(words).user_classes), words
"""
TORCHRUN_READS = """
import json, sys
from torch.distributed.run import parse_args
for words in json.loads(sys.argv[1]):
    given = parse_args(words)
    print(json.dumps([given.training_script, given.training_script_args]))
"""
BENTOML_READS = """
import click, json, sys
from bentoml_cli.cli import cli
def read(command, words):
    with command.make_context(command.name, words) as context:
        if isinstance(command, click.Group):
            _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            read(inner, rest)
for words in json.loads(sys.argv[1]):
    read(cli, words)
"""


def run(command: list[str]) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def typed() -> dict[str, list[list[str]]]:
    """Program -> the words after it, each time it is typed; settings in front are checked and left out."""
    found = defaultdict(list)
    for snippet in TYPED:
        for words in read_commands(snippet):
            while re.match(r"[A-Z_]+=", words[0]):
                name = words.pop(0).partition("=")[0]
                assert name.removeprefix(PREFIX).lower() in load_settings().model_dump(), f"{snippet}: {name}"
            found[words[0].removeprefix(".venv/bin/")].append(words[1:])
    return found


@pytest.mark.parametrize("snippet", PYTHON, ids=str)
def test_python_runs(service: Server, release: str, snippet: Snippet) -> None:
    assert release in run([sys.executable, "-c", snippet.code.replace(URL, service.url)])


@pytest.mark.parametrize("snippet", [snippet for snippet in ASKS if snippet not in OF_PENGUINS], ids=str)
def test_what_asks_the_service_from_the_shell_runs(service: Server, release: str, snippet: Snippet) -> None:
    ready = snippet.code.replace(URL, service.url).replace("python", sys.executable)
    assert release in run(["bash", "-o", "pipefail", "-c", ready])


@pytest.fixture(scope="module")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves the table of the README."""
    home = tmp_path_factory.mktemp("penguins")
    table = next(table for table in TABLES if table.name == "penguins")
    (home / table.file_name).write_bytes(read_file(table))
    data = ("--data", str(home / table.file_name), "--target", table.target, "--architecture", "small=1x8", *QUICK)
    ended = train(home, *data)
    assert ended.returncode == 0, ended.stderr
    with serve(home, log=home / "serve.log", ARCHSCALE_WORKERS="1") as server:
        yield server


@pytest.mark.parametrize("snippet", OF_PENGUINS, ids=str)
def test_what_asks_about_penguins_runs(penguins: Server, snippet: Snippet) -> None:
    answer = json.loads(run(["bash", "-c", snippet.code.replace(URL, penguins.url)]))
    assert answer["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert len(answer["labels"]) == 1


@pytest.mark.parametrize("snippet", SHELL, ids=str)
def test_the_shell_can_read_every_snippet(snippet: Snippet) -> None:
    run(["bash", "-n", "-c", snippet.code])


def test_every_program_that_is_typed_is_checked_here() -> None:
    checked = {"make", "python", "torchrun", "locust", "bentoml", "kubectl"}
    assert set(typed()) == {*checked, *OF_THE_SHELL, *ELSEWHERE}


def test_every_make_target_that_is_typed_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {word for words in typed()["make"] for word in words} <= targets


def test_modules_take_the_options_that_are_typed() -> None:
    for _, module, *words in typed()["python"]:
        match module:
            case "training" if words[:1] == ["score"]:
                parse_score_options(words[1:])
            case "training":
                training_options.parse_options(words)
            case "loadtest" if words[:1] == ["plan"]:
                parse_plan(words[1:])
            case "loadtest" if words[:1] == ["curve"]:
                parse_curve(words[1:])
            case "loadtest":
                loadtest_options.parse(words)
            case _:
                assert find_spec(module), module


def test_torchrun_takes_the_options_that_are_typed_and_training_those_behind_them() -> None:
    for line in run([sys.executable, "-c", TORCHRUN_READS, json.dumps(typed()["torchrun"])]).splitlines():
        module, words = json.loads(line)
        assert module == "training"
        training_options.parse_options(words)


def test_locust_takes_the_options_that_are_typed() -> None:
    run([sys.executable, "-c", LOCUST_READS, json.dumps(typed()["locust"])])


def test_bentoml_takes_the_options_that_are_typed() -> None:
    run([sys.executable, "-c", BENTOML_READS, json.dumps(typed()["bentoml"])])


def test_kubectl_takes_the_options_that_are_typed() -> None:
    """It reads them before it says its help, and asks no cluster for that."""
    for words in typed()["kubectl"]:
        run([str(KUBECTL), *words, "--help"])
        folders = [ROOT / word for word in words if word.startswith("deploy/")]
        assert all((folder / "kustomization.yaml").exists() for folder in folders), words


def test_the_problem_that_is_shown_has_the_members_of_a_real_one(service: Server) -> None:
    (shown,) = JSON
    answer = httpx.post(f"{service.url}/predict/small/raw", json={"raw": [["12"]]})
    assert json.loads(shown.code).keys() == answer.json().keys()
