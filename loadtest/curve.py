"""The page of a sweep: which size of network and of table is worth it. Run: python -m loadtest curve FOLDER."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loadtest.options import Parser
from loadtest.record.curves import load_curve
from loadtest.record.errors import MeasurementError
from loadtest.record.whole_file import write_whole
from loadtest.report.curve.document import compose_curve
from loadtest.report.curve.page import write_curve_page
from loadtest.report.outputs import plain

PAGE_FILE = "curve.html"


@dataclass(frozen=True)
class CurveOptions:
    """A checked command line. sweep: a folder, or its curve.json."""

    sweep: Path


def parse_curve(arguments: list[str]) -> CurveOptions:
    """Read what stands after ``curve``. Raises InputError."""
    parser = Parser(
        prog="python -m loadtest curve", description=f"Draw a sweep: writes {PAGE_FILE} beside its curve.json."
    )
    parser.add_argument("sweep", type=Path, metavar="FOLDER", help="of python -m training sweep")
    return CurveOptions(parser.parse_args(arguments).sweep)


def draw_curve(options: CurveOptions, console: Console) -> None:
    """Write the page, and print the choice and where the page is. Raises InputError, MeasurementError."""
    curve = load_curve(options.sweep)
    folder = options.sweep if options.sweep.is_dir() else options.sweep.parent
    document = compose_curve(curve)
    page = folder / PAGE_FILE
    try:
        write_whole(page, write_curve_page(document, curve))
    except OSError as error:
        raise MeasurementError(
            f"the page must be written, however: {page}: {error.strerror}. Make room, or copy the sweep elsewhere."
        ) from None
    console.print(plain(document.headline, "bold"))
    console.print(str(page), soft_wrap=True, markup=False)
