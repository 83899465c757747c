"""The report on a terminal."""

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.report.document import Document
from loadtest.report.notes import Kind
from loadtest.report.table import ReportTable
from loadtest.report.wording import Words, Written, clean

STYLES: dict[Kind, str] = {"invalid": "bold red", "partial": "bold yellow", "note": "dim"}


def show_document(document: Document, console: Console) -> None:
    """Print the verdict, the recommendation, the table, the gates that failed, and where it was measured."""
    console.print(_text(document.verdict[0], "bold"))
    for sentence in document.verdict[1:]:
        console.print(_text(sentence))
    for notice in document.notices:
        console.print(Text.assemble((f"{notice.label}: ", STYLES[notice.kind]), clean(notice.text)))
    console.print()
    console.print(_text(f"Recommendation: {document.advice.headline}", "bold"))
    for words in (document.advice.reason, document.advice.change):
        console.print(Padding(_text(words), (0, 0, 0, 2), expand=False))
    _print_table(document.table, console)
    for note in (*document.table_notes, *document.gate_words):
        console.print(_text(note))
    console.print(_text(document.environment, "dim"))


def _text(text: str | Words, style: str = "") -> Text:
    """Keep what others chose from being read as markup or as control characters."""
    return Text(clean(str(text)), style)


def _print_table(table: ReportTable, console: Console) -> None:
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
        grid.add_row(_text(group.title, "bold"))
        for index, row in enumerate(group.rows, start=1):
            cells = [_cell(cell, before_interval) for cell in row.cells]
            grid.add_row(_text(f"  {row.label}"), *cells, end_section=index == len(group.rows))
    return grid


def _cell(cell: Written, before_interval: str) -> Text:
    interval = before_interval + cell.interval if cell.interval else ""
    return Text(clean(cell.text) + interval, "bold red" if cell.withheld else "")
