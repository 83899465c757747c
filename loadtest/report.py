"""The report of a study: a page and Markdown in a folder, and the terminal's version."""

from pathlib import Path

from rich.console import Console

from loadtest.charts import make_charts
from loadtest.document import compose
from loadtest.page import write_page
from loadtest.results import Results
from loadtest.summary import summarise

PAGE_FILE = "report.html"
MARKDOWN_FILE = "report.md"


def save_report(results: Results, folder: Path) -> list[Path]:
    """Write page and Markdown into ``folder``, and return their paths. Raises OSError."""
    summary = summarise(results)
    document = compose(summary)
    names = [one.name for one in summary.architectures]
    page = folder / PAGE_FILE
    page.write_text(write_page(document, make_charts(results, summary), names, summary.release))
    return [page]
