"""`make picture` makes the README's picture of a study's page: small enough for git, wide enough to be read."""

import struct
from pathlib import Path

from loadtest.report.outputs import save_report
from tests.browser import require
from tests.picture import MOST_BYTES, PIXELS_ACROSS, make_picture
from tests.studies import study


def test_a_study_makes_a_small_picture(tmp_path: Path) -> None:
    require()
    page, picture = save_report(study(), tmp_path)[0], tmp_path / "report.png"
    make_picture(page, picture)
    written = picture.read_bytes()
    width, height = struct.unpack(">II", written[16:24])
    assert width == PIXELS_ACROSS
    assert 1000 < height < 3000
    assert len(written) <= MOST_BYTES
