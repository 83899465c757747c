"""The pages: each one HTML file that needs no network, and says so to the browser."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from loadtest.analysis.summary import StudySummary
from loadtest.report.charts.base import Chart, colour
from loadtest.report.document import Document
from loadtest.report.wording import Words, Written, clean

TEMPLATES = Path(__file__).parent / "templates"
WIDE = ("latency", "training", "quality-weights", "quality-rows")
"""Charts that take the whole width."""


def write_page(document: Document, summary: StudySummary, charts: Sequence[Chart]) -> str:
    """Return the page of a study."""
    return render(
        "report.html.j2",
        charts,
        title=document.title,
        footer=document.environment,
        document=document,
        colours={found.name: colour(index) for index, found in enumerate(summary.architectures)},
        release=summary.release,
    )


def render(template: str, charts: Sequence[Chart], *, title: str, footer: str, **values: object) -> str:
    """Return a page. template: one that extends ``page.html.j2``; values: what else it names."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=typeset,
    )
    library, script = get_plotlyjs(), (TEMPLATES / "report.js").read_text()
    return environment.get_template(template).render(
        title=title,
        footer=footer,
        charts=charts,
        wide=WIDE,
        css=Markup((TEMPLATES / "report.css").read_text()),
        figures=_as_json(charts),
        library=Markup(library),
        script=Markup(script),
        policy=_policy(library, script),
        **values,
    )


def typeset(value: object) -> object:
    """Clean a text, set comparisons and percents, and set intervals back; leave all else, and markup, as it is."""
    match value:
        case Markup():
            return value
        case str():
            return clean(value).replace("<= ", "\u2264\u00a0").replace(">= ", "\u2265\u00a0").replace(" %", "\u00a0%")
        case Written(text, ""):
            return typeset(text)
        case Written(text, interval):
            return Markup('{} <span class="interval">{}</span>').format(typeset(text), interval)
        case Words(pieces):
            return Markup("").join(escape(typeset(piece)) for piece in pieces)
    return value


def _as_json(charts: Sequence[Chart]) -> Markup:
    """Write the figures so that nothing in them can end the element they stand in."""
    members = ",".join(f'"{chart.key}":{chart.figure.to_json()}' for chart in charts)
    return Markup(f"{{{members}}}".replace("<", "\\u003c"))


def _policy(*scripts: str) -> str:
    """Allow these scripts alone, and nothing to be loaded from anywhere."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
