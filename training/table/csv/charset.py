"""How a text is encoded, and the bytes in it that are no text."""

import codecs
from collections.abc import Iterable
from pathlib import Path

from training.errors import UserError, quoted
from training.table.formats import Head

MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Bytes that a text may begin with to say how it is encoded."""
SAME_ENCODING = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}
"""Names of encodings that would read or write such a mark themselves."""
LATIN_1 = "iso8859-1"
"""As Python names it."""
ENCODING_NAMES = {LATIN_1: "Latin-1", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
WIDE_ENCODINGS = ("utf-16", "utf-32")
"""Those whose characters hold bytes of zero."""
BYTES_AROUND_ZERO = 100
"""Looked at where one is zero: in UTF-16 nearly all at even, or all at odd places are."""
SHOWN_BYTES = 20
LINE_END = b"\n"
UNKNOWN_TO_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
PRINTED_BY_CP1252 = frozenset(range(0x80, 0xA0)) - UNKNOWN_TO_CP1252
"""Latin-1 has control characters there, which no text holds; Windows' has quotes, dashes and the euro."""
BOTH_NAMES = {"cp1252": "cp1252 or latin-1"}
"""Of a byte that both read alike: further ones may be cp1252's alone."""


def encoding_name(encoding: str) -> str:
    """Return an encoding's name as people write it."""
    return ENCODING_NAMES.get(encoding, encoding.upper())


def find_encoding(path: Path, head: Head, given: str | None) -> tuple[str, int]:
    """Return the encoding, as Python names it, and how many bytes its mark has."""
    mark = next((mark for mark in MARKS if head.data.startswith(mark)), b"")
    if given is None:
        return MARKS.get(mark, "utf-8"), len(mark)
    try:
        bytes(4).decode(given)
        encoding = codecs.lookup(given).name
    except (LookupError, UnicodeError) as error:
        raise UserError(
            f"--encoding must name a text encoding, however: {quoted(given)} is unknown. "
            "Give one that Python knows, such as utf-8, latin-1, cp1252 or utf-16-le."
        ) from error
    encoding = SAME_ENCODING.get(encoding, encoding)
    if mark and MARKS[mark][:6] != encoding[:6]:
        marked = encoding_name(MARKS[mark])
        raise UserError(
            f"{path.name}: --encoding must fit the file, however: it begins with the mark of {marked}. "
            "Leave --encoding out."
        )
    return MARKS.get(mark, encoding), len(mark)


def decode(path: Path, head: Head, encoding: str, mark_bytes: int) -> str:
    """Return a head as text. Raise UserError for bytes that are none."""
    data = head.data[mark_bytes:]
    if b"\0" not in data and encoding.startswith(WIDE_ENCODINGS):
        raise UserError(
            f"{path.name}: --encoding must fit the file, however: it holds no byte of zero, as "
            f"{encoding_name(encoding)} has in every separator and line end. Leave --encoding out, or give another."
        )
    if b"\0" in data and not encoding.startswith(WIDE_ENCODINGS):
        low, high = data[0:BYTES_AROUND_ZERO:2].count(0), data[1:BYTES_AROUND_ZERO:2].count(0)
        halves = abs(high - low) > len(data[:BYTES_AROUND_ZERO]) // 3
        wide = "utf-16-le" if high > low else "utf-16-be"
        remedy = f"Give --encoding {wide}." if halves else "Delete it, or give a CSV or Parquet file."
        place = data.index(0)
        raise UserError(
            f"{path.name}: a table must be a CSV or Parquet file, however: byte {place + mark_bytes}, in line "
            f"{data[:place].count(LINE_END) + 1}, is zero, which no {encoding_name(encoding)} text holds. {remedy}"
        )
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=head.whole)
    except UnicodeDecodeError as error:
        raise undecodable(path, error, lines_before=0) from error


def refuse_control_characters(path: Path, texts: Iterable[str], encoding: str) -> None:
    """Raise UserError where Latin-1 makes control characters of what Windows' code page has quotes and dashes for."""
    if encoding != LATIN_1:
        return
    for text in texts:
        codes = set(map(ord, text))
        if codes & PRINTED_BY_CP1252 and not codes & UNKNOWN_TO_CP1252:
            raise UserError(
                f"{path.name}: --encoding must fit the file, however: latin-1 has but control characters for a part of "
                f"{quoted(text.encode(encoding).decode('cp1252'))}. Give --encoding cp1252."
            )


def encoded_length(path: Path, head: Head, text: str, encoding: str, mark_bytes: int) -> int:
    """Return the bytes of the first characters of a head. Raise UserError for an encoding that has no such number."""
    encoded = text.encode(encoding)
    if not head.data[mark_bytes:].startswith(encoded):
        raise UserError(
            f"{path.name}: the encoding must write a text in one way alone, however: {encoding} has several. "
            "Save the file as UTF-8."
        )
    return len(encoded)


def undecodable(path: Path, error: UnicodeDecodeError, *, lines_before: int) -> UserError:
    """Return the error for bytes that are no text. lines_before: those in front of the bytes that were decoded."""
    before, behind = error.object[: error.start], error.object[error.start : error.start + SHOWN_BYTES]
    byte, line = behind[0], lines_before + before.count(LINE_END) + 1
    likely = "latin-1" if UNKNOWN_TO_CP1252.intersection(error.object[error.start :]) else "cp1252"
    name = likely if byte in PRINTED_BY_CP1252 else BOTH_NAMES.get(likely, likely)
    shown = (before.splitlines() or [b""])[-1][-SHOWN_BYTES:] * (not before.endswith(LINE_END)) + behind.splitlines()[0]
    quoted_bytes = quoted(shown.decode(likely, "replace"))
    return UserError(
        f"{path.name}: a text must be {encoding_name(error.encoding)}, however: line {line} holds the byte "
        f"0x{byte:02x}, {name} for {quoted_bytes}. Give --encoding {likely}, or save the file as UTF-8."
    )
