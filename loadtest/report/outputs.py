"""The report of a study: a page and Markdown in a folder, and what the terminal shows."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.analysis.summary import summarise_study
from loadtest.record.results import Results
from loadtest.record.whole_file import write_whole
from loadtest.report.charts import make_charts
from loadtest.report.document import Document, compose
from loadtest.report.notes import Kind
from loadtest.report.page import write_page
from loadtest.report.table import ReportTable
from loadtest.report.wording import Words, Written, clean

PAGE_FILE = "report.html"
MARKDOWN_FILE = "report.md"
MARKUP = re.compile(r"[\\`*_|~#@]|<(?=[A-Za-z/!?])|(?<=\])[(\[]|!(?=\[)|://")
"""What Markdown or GitHub would take for markup, a table's column, a link or a mention; an interval is none of it."""
STYLES: dict[Kind, str] = {"invalid": "bold red", "partial": "bold yellow", "note": "dim"}


def save_report(results: Results, folder: Path) -> list[Path]:
    """Write page and Markdown into ``folder``, and return their paths. Raises OSError."""
    summary = summarise_study(results)
    document = compose(summary)
    page, markdown = folder / PAGE_FILE, folder / MARKDOWN_FILE
    write_whole(page, write_page(document, summary, make_charts(results, summary)))
    write_whole(markdown, write_markdown(document))
    return [page, markdown]


def show_report(results: Results, console: Console) -> None:
    """Print the report."""
    show_document(compose(summarise_study(results)), console)


def write_markdown(document: Document) -> str:
    """Return the verdict, the recommendation, the table, the gates that failed, and where it was measured."""
    chosen = document.recommendation
    blocks = [
        f"## {_escape(document.title)}",
        f"**{_escape(document.verdict[0])}**",
        *(_escape(sentence) for sentence in document.verdict[1:]),
        *(f"> **{notice.label}:** {_escape(notice.text)}" for notice in document.notices),
        f"**Recommendation: {_escape(chosen.headline)}** {_escape(chosen.reason)} {_escape(chosen.change)}",
        "\n".join(_markdown_table(document.table)),
        " ".join(_escape(note) for note in document.table_notes),
        "\n".join(f"- {_escape(words)}" for words in document.gate_words),
        f"<sub>{_escape(document.environment)}</sub>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _markdown_table(table: ReportTable) -> Iterator[str]:
    yield _markdown_row(table.columns)
    yield "|---|" + "---:|" * (len(table.columns) - 1)
    for group in table.groups:
        yield f"| **{_escape(group.title)}** |{'  |' * (len(table.columns) - 1)}"
        for row in group.rows:
            yield _markdown_row([row.label, *row.cells])


def _markdown_row(cells: Iterable[str | Written]) -> str:
    return f"| {' | '.join(map(_escape, cells))} |"


def _escape(text: str | Written | Words) -> str:
    """Set a backslash before what would be markup, so that text stays text."""
    return MARKUP.sub(_defuse, clean(str(text)))


def _defuse(found: re.Match[str]) -> str:
    # A backslash does not keep GitHub from a mention or an address: an empty comment or a written-out sign does.
    return {"@": "&#64;", "://": "&#58;//"}.get(found.group(), f"\\{found.group()}")


def show_document(document: Document, console: Console) -> None:
    """Print the verdict, the recommendation, the table, the gates that failed, and where it was measured."""
    console.print(plain(document.verdict[0], "bold"))
    for sentence in document.verdict[1:]:
        console.print(plain(sentence))
    for notice in document.notices:
        console.print(Text.assemble((f"{notice.label}: ", STYLES[notice.kind]), clean(notice.text)))
    console.print()
    console.print(plain(f"Recommendation: {document.recommendation.headline}", "bold"))
    for words in (document.recommendation.reason, document.recommendation.change):
        console.print(Padding(plain(words), (0, 0, 0, 2), expand=False))
    print_table(document.table, console)
    for note in (*document.table_notes, *document.gate_words):
        console.print(plain(note))
    console.print(plain(document.environment, "dim"))


def plain(text: str | Words, style: str = "") -> Text:
    """Keep what others chose from being read as markup or as control characters."""
    return Text(clean(str(text)), style)


def print_table(table: ReportTable, console: Console) -> None:
    """Print the table; where it is too wide, with the intervals on lines of their own."""
    grid = _make_grid(table, " ")
    if console.measure(grid, options=console.options.update(width=10_000)).maximum > console.width:
        grid = _make_grid(table, "\n")
    console.print(grid)


def _make_grid(table: ReportTable, before_interval: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    for column in table.columns[1:]:
        grid.add_column(_cell(column, before_interval), justify="right", overflow="fold")
    for group in table.groups:
        grid.add_row(plain(group.title, "bold"))
        for index, row in enumerate(group.rows, start=1):
            cells = [_cell(cell, before_interval) for cell in row.cells]
            grid.add_row(plain(f"  {row.label}"), *cells, end_section=index == len(group.rows))
    return grid


def _cell(cell: Written, before_interval: str) -> Text:
    interval = before_interval + cell.interval if cell.interval else ""
    return Text(clean(cell.text) + interval, "bold red" if cell.withheld else "")
