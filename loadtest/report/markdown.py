"""The report in Markdown, short enough for a pull request."""

import re
from collections.abc import Iterable, Iterator

from loadtest.report.document import Document
from loadtest.report.table import ReportTable
from loadtest.report.wording import Words, Written, clean

MARKUP = re.compile(r"[\\`*_|~#@]|<(?=[A-Za-z/!?])|(?<=\])[(\[]|!(?=\[)|://")
"""What Markdown or GitHub would take for markup, a table's column, a link or a mention; an interval is none of it."""


def write_markdown(document: Document) -> str:
    """Return the verdict, the recommendation, the table, the gates that failed, and where it was measured."""
    advice = document.advice
    blocks = [
        f"## {_escape(document.title)}",
        f"**{_escape(document.verdict[0])}**",
        *(_escape(sentence) for sentence in document.verdict[1:]),
        *(f"> **{notice.label}:** {_escape(notice.text)}" for notice in document.notices),
        f"**Recommendation: {_escape(advice.headline)}** {_escape(advice.reason)} {_escape(advice.change)}",
        "\n".join(_table_lines(document.table)),
        " ".join(_escape(note) for note in document.table_notes),
        "\n".join(f"- {_escape(words)}" for words in document.gate_words),
        f"<sub>{_escape(document.environment)}</sub>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table_lines(table: ReportTable) -> Iterator[str]:
    yield _row(table.columns)
    yield "|---|" + "---:|" * (len(table.columns) - 1)
    for group in table.groups:
        yield f"| **{_escape(group.title)}** |{'  |' * (len(table.columns) - 1)}"
        for row in group.rows:
            yield _row([row.label, *row.cells])


def _row(cells: Iterable[str | Written]) -> str:
    return f"| {' | '.join(map(_escape, cells))} |"


def _escape(text: str | Written | Words) -> str:
    """Set a backslash before what would be markup, so that text stays text."""
    return MARKUP.sub(_defuse, clean(str(text)))


def _defuse(found: re.Match[str]) -> str:
    # A backslash does not keep GitHub from a mention or an address: an empty comment or a written-out sign does.
    return {"@": "&#64;", "://": "&#58;//"}.get(found.group(), f"\\{found.group()}")
