"""Options that messages propose: whoever pastes one into a shell gives the run what the message meant."""

import subprocess

import pytest

from tests.read_tables import decide, read_table
from training.errors import UserError, write_option
from training.options import parse_options

VALUES = [
    "age", "two words", "-a", "-inf", "--drop", "-999", "", "?", "#N/A", "it's", '"', "$HOME `pwd` \\ !x", "b\nc",
    "-\n'\\", "1\u00a0000", "1\u200b0", "\x1b[31m", "grösse", "x" * 200,
]  # fmt: skip


def paste(written: str) -> list[str]:
    """Return the arguments that bash makes of it."""
    out = subprocess.run(["bash", "-c", f"printf '%s\\0' {written}"], capture_output=True, check=True).stdout
    return out.decode().split("\0")[:-1]


@pytest.mark.parametrize("value", VALUES)
def test_an_option_that_is_pasted_says_what_was_meant(value: str) -> None:
    written = [write_option(option, value) for option in ("--drop", "--missing")]
    assert all(line.isprintable() for line in written)
    read = parse_options(["inspect", "--data", "data.csv", *paste(" ".join(written))]).read
    assert (read.drop, read.missing) == ((value,), (value,))


def test_a_value_of_a_thousand_characters_is_to_be_shortened() -> None:
    assert write_option("--drop", "x" * 1000).endswith("once that is shortened, which has 1,000 characters")


@pytest.mark.parametrize(("name", "word"), [("-a", "-inf"), ("b\nc", "1\u00a0000"), ("it's", "-")])
def test_a_refusal_proposes_options_that_mend_it(name: str, word: str) -> None:
    table = read_table({name: [word, *(str(row * 0.5) for row in range(60))], "b": list(range(61))})
    with pytest.raises(UserError) as caught:
        decide(table)
    line = str(caught.value)
    assert "\n" not in line
    for option, value in [("--missing", word), ("--numeric", name), ("--category", name), ("--drop", name)]:
        assert write_option(option, value) in line
