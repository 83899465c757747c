"""Reading ``curve.json``, which ``python -m training sweep`` writes."""

from pathlib import Path

from pydantic import ValidationError

from loadtest.record.errors import InputError
from service.contract.curve import CURVE_FILE, CURVE_FORMAT, LATENCY_ROWS, Curve


def load_curve(path: Path) -> Curve:
    """Read the curve of a sweep; ``path`` is the file or its folder. Raises InputError."""
    file = path / CURVE_FILE if path.is_dir() else path
    try:
        curve = Curve.model_validate_json(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(
            f"a sweep's {CURVE_FILE} must be a file that can be read, however: {file}: {reason}. "
            "Name the folder that python -m training sweep wrote."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(
            f"{CURVE_FILE} must be of this version (format {CURVE_FORMAT}), however: {file}: {where}: {first['msg']}. "
            "Sweep again with this version, or read it with the version that wrote it."
        ) from None
    for point in curve.points:
        if not (set(LATENCY_ROWS) <= point.latency_seconds.keys() and point.processor_seconds and point.wall_seconds):
            raise InputError(
                f"{CURVE_FILE} must hold the seconds of every epoch and the latency of {LATENCY_ROWS} rows, however: "
                f"{file}: {point.name} from {point.rows:,} rows lacks some. Sweep again with this version."
            )
    return curve
