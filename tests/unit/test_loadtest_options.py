"""The command line of `python -m loadtest`: what it means, and one line for whatever can't be meant."""

import shlex
from pathlib import Path

import pytest

from loadtest.options import QUICK_BLOCKS, WHOLE_BLOCKS, parse
from loadtest.record.errors import InputError

WRONG = {
    "no rows": (("--rows", "0"), "--rows must be a whole number of at least 1, however: '0'"),
    "half a row": (("--rows", "1.5"), "--rows must be a whole number of at least 1, however: '1.5'"),
    "no block": (("--blocks", "0"), "--blocks must be a whole number of at least 1"),
    "no process": (("--generators", "none"), "--generators must be a whole number of at least 1"),
    "a seed below 0": (("--seed", "-1"), "--seed must be a whole number of at least 0"),
    "an endless trial": (("--seconds", "inf"), "--seconds must be a number of at least 1"),
    "half a second": (("--seconds", "0.5"), "--seconds must be a number of at least 1"),
    "longer than anything is waited for": (("--slo-p99-ms", "30000"), "must be a number of at least 5 and below 30000"),
    "no time to answer in": (("--slo-p99-ms", "0"), "--slo-p99-ms must be a number of at least 5"),
    "an SLO that can't be judged": (("--slo-p99-ms", "4.9"), "--slo-p99-ms must be a number of at least 5"),
    "an SLO that is no number": (("--slo-p99-ms", "nan"), "--slo-p99-ms must be a number of at least 5"),
    "a price of nothing": (("--price-per-core-hour", "0"), "--price-per-core-hour must be a number above 0"),
    "a tolerance below 0": (("--tolerance", "-0.1"), "--tolerance must be a number of at least 0"),
    "replicas of what is started": (("--many-replicas",), "--many-replicas must be of a service that runs"),
    "an unknown body": (("--body", "csv"), "--body"),
    "unknown arrivals": (("--arrivals", "burst"), "--arrivals"),
    "one result to compare": (("--compare", "old"), "--compare"),
    "an unknown option": (("--fast",), "--fast"),
    "an option without its value": (("--host",), "--host"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_meant_is_refused_in_one_line(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError) as caught:
        parse(list(arguments))
    message = str(caught.value)
    assert words in message
    assert len(message.splitlines()) == 1
    assert capsys.readouterr() == ("", "")


def test_nothing_asked_is_the_whole_study_of_all_architectures() -> None:
    options = parse([])
    settings = options.settings
    assert (settings.host, settings.architectures, settings.quick, settings.blocks) == (None, [], False, WHOLE_BLOCKS)
    assert (settings.body, settings.rows, settings.slo_p99_ms, settings.seed) == ("json", 64, 50, 0)
    assert (options.compare, options.strict, options.many_replicas) == (None, False, False)
    assert options.folder.parent == Path("results")


def test_a_quick_study_repeats_less_unless_told_otherwise() -> None:
    assert parse(["--quick"]).settings.blocks == QUICK_BLOCKS
    assert parse(["--quick", "--blocks", "7"]).settings.blocks == 7


def test_what_is_asked_arrives() -> None:
    command = (
        "--architecture large --architecture small --architecture large --body npy --rows 8 --seconds 2.5 --strict "
        "--slo-p99-ms 7.5 --arrivals constant --seed 4 --generators 2 --price-per-core-hour 0.04 --output out "
        "--host http://h:1 --many-replicas"
    )
    options = parse(shlex.split(command))
    settings = options.settings
    assert settings.architectures == ["large", "small"]
    assert (settings.body, settings.rows, settings.seconds, settings.slo_p99_ms) == ("npy", 8, 2.5, 7.5)
    assert (settings.arrivals, settings.seed, settings.processes) == ("constant", 4, 2)
    assert (settings.price_per_core_hour, settings.host) == (0.04, "http://h:1")
    assert (options.folder, options.strict, options.many_replicas) == (Path("out"), True, True)


def test_a_comparison_names_two_results() -> None:
    assert parse(["--compare", "old", "new"]).compare == (Path("old"), Path("new"))


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    assert "--slo-p99-ms" in capsys.readouterr().out
