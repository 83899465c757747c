"""What the user says of how a file is written: that part of a command line, of `fit` and of `score`."""

import argparse
import codecs
from collections.abc import Callable

from service.contract.policies import BLANKS
from training.errors import UserError, quoted
from training.table.values import ReadOptions


def add_reading_options(add: Callable[..., object]) -> None:
    """How --data is read where looking at it does not tell. add: ``add_argument`` of a parser or of a group in it."""
    add("--separator", type=_separator, metavar="SIGN", help="between the values of a CSV file: , ; | or tab")
    add("--decimal", choices=[".", ","], help="decimal sign of a CSV file")
    add("--encoding", type=_encoding, metavar="NAME", help="of a CSV file, such as utf-8 or latin-1")
    add("--no-header", action="store_true", help="the first line of the CSV file holds values, not names")
    add(
        "--missing", action="append", default=[], metavar="WORD",
        help="a word that means that a value is missing, beside empty, NA, NaN, null, None; may be given again",
    )  # fmt: skip


def take_reading_options(given: argparse.Namespace) -> ReadOptions:
    """Return what ``add_reading_options`` asks for. Raise UserError where two options exclude each other."""
    if given.separator is not None and given.separator == given.decimal:
        raise UserError(
            f"--separator and --decimal must differ, however: both are {quoted(given.decimal)}. Correct one."
        )
    return ReadOptions(
        separator=given.separator,
        decimal=given.decimal,
        encoding=given.encoding,
        header=not given.no_header,
        missing=tuple(word.strip(BLANKS) for word in given.missing),
    )


def refuse_for_parquet(read: ReadOptions) -> None:
    """Raise UserError for an option that says how a text is written, and nothing of a Parquet file.

    --decimal does: words of Parquet may be numbers.
    """
    given = {"--separator": read.separator, "--encoding": read.encoding, "--no-header": not read.header}
    for option, value in given.items():
        if value:
            raise UserError(f"{option} must go with CSV files, however: --data is Parquet. Leave it out.")


def _separator(text: str) -> str:
    separator = "\t" if text.lower() in {"tab", "\\t"} else text
    if len(separator) != 1 or not separator.isascii() or separator.isalnum() or separator in '"\n\r.':
        raise UserError(f"--separator must be one sign such as , ; | or tab, however: {quoted(text)}. Correct it.")
    return separator


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise UserError(
            f"--encoding must be one that Python knows, however: {quoted(text)}. Write for example utf-8 or latin-1."
        ) from None
