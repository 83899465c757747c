"""Make docs/report.png of a study's page. Run: make picture, or python -m tests.picture FOLDER.

FOLDER holds the page, report.html; without it the newest in results/ is taken. The picture shows the verdict, the
recommendation, the table and the first chart. Needs Debian's chromium.
"""

import argparse
import base64
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.browser import Browser, Screen, open_browser
from tests.commands import ROOT

PICTURE = ROOT / "docs/report.png"
MOST_BYTES = 150_000
"""It is the one generated file in git."""
WIDTH, PIXELS_ACROSS = 1100, 1280
"""CSS pixels, and pixels of the picture. GitHub shows a README some 850 wide: letters of 16 pixels are then 12 high."""
MARGIN = 4
"""CSS pixels below the chart."""
COLOURS = 64
"""Of the palette: enough for the edges of letters and lines in the colours of two or three architectures."""
# The page as it is, with less air: the picture is read between paragraphs. Intervals stand beside their estimates.
TIGHTER = """
    main { padding-top: 1rem; }
    h1 { font-size: 1.6rem; }
    p, .recommendation { max-width: none !important; }
    .recommendation { margin-top: 1rem; padding: .6rem 1rem; }
    h2 { margin: 1rem 0 .25rem; }
    th, td { padding-top: .05rem !important; padding-bottom: .05rem !important; }
    th.group { padding-top: .35rem !important; }
    td .interval { display: inline; margin-left: .4em; }
"""
PIXELS = """(async () => {{
    const image = new Image();
    image.src = "data:image/png;base64,{}";
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {{ width: image.width, height: image.height }});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const bytes = context.getImageData(0, 0, image.width, image.height).data;
    let text = "";
    for (let start = 0; start < bytes.length; start += 32768)
        text += String.fromCharCode(...bytes.subarray(start, start + 32768));
    return [image.width, btoa(text)];
}})()"""


def make_picture(page: Path, file: Path) -> None:
    """Write ``file``, a PNG, of the page of a study."""
    with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile)) as browser:
        browser.open(page, Screen(WIDTH, 800), scale=PIXELS_ACROSS / WIDTH)
        file.write_bytes(write_png(photograph(browser)))


def photograph(browser: Browser) -> NDArray[np.uint8]:
    """Return what the page shows from its top to the end of its first chart: (height, width, 3) uint8."""
    browser.evaluate(
        f"document.head.append(Object.assign(document.createElement('style'), {{textContent: `{TIGHTER}`}}))"
    )
    browser.settle()
    bottom = browser.evaluate(
        "(document.querySelector('.chart') ?? document.querySelector('table')).getBoundingClientRect().bottom"
    )
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": bottom + MARGIN, "scale": 1}
    taken = browser.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    width, pixels = browser.evaluate(PIXELS.format(taken["data"]))
    return np.frombuffer(base64.b64decode(pixels), dtype=np.uint8).reshape(-1, width, 4)[:, :, :3]


def write_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG of the most frequent colours, a third of Chromium's bytes. pixels: (height, width, 3) uint8."""
    height, width, _ = pixels.shape
    colours, inverse, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(counts)[-COLOURS:]]
    distances = (colours[:, None].astype(int) - palette.astype(int)) ** 2
    nearest = distances.sum(axis=2).argmin(axis=1).astype(np.uint8)
    # Every line begins with its filter: 0, none, is best for a palette.
    lines = np.insert(nearest[inverse].reshape(height, width), 0, 0, axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def main() -> int:
    """Make the picture; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.picture", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="results of a study (the newest in results/)")
    folder = parser.parse_args().folder
    pages = (ROOT / "results").glob("*/report.html") if folder is None else folder.glob("report.html")
    newest = max(pages, key=lambda page: page.stat().st_mtime, default=None)
    if newest is None:
        place = folder or "results/"
        print(
            f"a study's report.html must be there, however: none in {place}. Run: python -m loadtest", file=sys.stderr
        )
        return 2
    make_picture(newest.resolve(), PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
