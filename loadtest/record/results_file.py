"""Where results are kept: written whole or not at all, read by the version that wrote them."""

from pathlib import Path

from pydantic import ValidationError

from loadtest.record.errors import InputError
from loadtest.record.results import FORMAT, Results
from loadtest.record.whole_file import write_whole

RESULTS_FILE = "results.json"


def make_folder(folder: Path, option: str) -> None:
    """Find out before the load whether its results can be written. option: that names it. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".draft").touch()
        (folder / ".draft").unlink()
    except OSError as error:
        raise InputError(
            f"{option} must be a folder that can be written to, however: {folder}: {error.strerror}. Choose another."
        ) from None


def check_file(file: Path, option: str) -> None:
    """Find out before the load whether ``file`` can be written. option: that names it. Raises InputError."""
    existed = file.exists()
    try:
        file.open("ab").close()
        if not existed:
            file.unlink()
    except OSError as error:
        raise InputError(
            f"{option} must name a file that can be written, however: {file}: {error.strerror}. "
            "Choose another, or make its folder."
        ) from None


def save_results(results: Results, folder: Path) -> Path:
    """Write ``results.json`` into ``folder``, whole or not at all, and return its path. Raises OSError."""
    path = folder / RESULTS_FILE
    write_whole(path, results.model_dump_json(indent=1) + "\n")
    return path


def load_results(path: Path) -> Results:
    """Read what ``save_results`` wrote; ``path`` is the file or its folder. Raises InputError."""
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        return Results.model_validate_json(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"results must be a file that can be read, however: {file}: {reason}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(
            f"results must be of this version (format {FORMAT}), however: {file}: {where}: {first['msg']}. "
            "Measure again with this version, or read them with the version that wrote them."
        ) from None
