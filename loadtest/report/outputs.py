"""The report of a study: a page and Markdown in a folder, and what the terminal shows."""

from pathlib import Path

from rich.console import Console

from loadtest.analysis.summary import summarise_study
from loadtest.record.results import Results
from loadtest.report.charts import make_charts
from loadtest.report.document import compose
from loadtest.report.markdown import write_markdown
from loadtest.report.page import write_page
from loadtest.report.terminal import show_document

PAGE_FILE = "report.html"
MARKDOWN_FILE = "report.md"


def save_report(results: Results, folder: Path) -> list[Path]:
    """Write page and Markdown into ``folder``, and return their paths. Raises OSError."""
    summary = summarise_study(results)
    document = compose(summary)
    page, markdown = folder / PAGE_FILE, folder / MARKDOWN_FILE
    page.write_text(write_page(document, summary, make_charts(results, summary)), encoding="utf-8")
    markdown.write_text(write_markdown(document), encoding="utf-8")
    return [page, markdown]


def show(results: Results, console: Console) -> None:
    """Print the report."""
    show_document(compose(summarise_study(results)), console)
