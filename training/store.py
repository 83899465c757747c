"""Save a release in the BentoML model store, all of it or nothing.

Every entry is built whole in a staging folder of the same file system and then renamed into place, the
preprocessing entry last: its manifest makes the release visible. ``bentoml.models.create`` would copy into the
store instead, and a run killed there leaves a folder without ``model.yaml``, with which even ``bentoml models
list`` fails (1.4.39).
"""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml.exceptions import BentoMLException

from service.contract.files import ReleaseManifest, entry_name
from service.contract.names import EVALUATION, PREPROCESSING
from training.errors import TrainingError, first_line, interrupts_ignored
from training.whole_file import force

STAGING_PREFIX = "archscale-"
LATEST = "latest"
"""The file beside an entry's versions that names the newest one."""

Files = Mapping[str, bytes]
"""File name -> content, of one part: an architecture, 'preprocessing' or 'evaluation'."""


def new_version() -> str:
    """UTC time and chance: sorts by age, is never used twice, and is a valid BentoML version."""
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(3)}"


def check_writable() -> None:
    """Raise TrainingError unless entries could be saved: better before the training than after it."""
    with _one_line_errors():
        probe = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=_staging_root()))
        try:
            placed = _models() / probe.name
            os.rename(probe, placed)
            probe = placed
        finally:
            probe.rmdir()


def save_release(version: str, *, architectures: Mapping[str, Files], preprocessing: Files, evaluation: Files) -> None:
    """Save one release under ``version``. Raise TrainingError, and leave the store as it was, if any step fails."""
    parts = {**architectures, EVALUATION: evaluation, PREPROCESSING: preprocessing}
    digests = {part: {name: _sha256(content) for name, content in files.items()} for part, files in parts.items()}
    manifest = ReleaseManifest(release=version, architectures=list(architectures), files=digests)
    with interrupts_ignored(), _one_line_errors():
        staging = Path(tempfile.mkdtemp(prefix=f"{STAGING_PREFIX}{version}-", dir=_staging_root()))
        try:
            _stage(staging, parts=parts, manifest=manifest)
            _publish(staging, parts=list(parts), version=version)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _stage(staging: Path, *, parts: Mapping[str, Files], manifest: ReleaseManifest) -> None:
    """Build every entry below ``staging``, which looks like a model store, and force it to the disk."""
    for part, files in parts.items():
        tag = f"{entry_name(part)}:{manifest.release}"
        metadata = manifest.model_dump() if part == PREPROCESSING else {"release": manifest.release}
        labels = {"archscale": part, "release": manifest.release}
        with bentoml.models.create(tag, labels=labels, metadata=metadata, _model_store=ModelStore(staging)) as model:
            for name, content in files.items():
                Path(model.path_of(name)).write_bytes(content)
        _sync_tree(staging / entry_name(part) / manifest.release)


def _publish(staging: Path, *, parts: list[str], version: str) -> None:
    """Rename the entries into the store in this order, then name them the latest. Undo all of it on a failure."""
    before = {part: _read_latest(part) for part in parts}
    try:
        for part in parts:
            folder = _models() / entry_name(part)
            folder.mkdir(exist_ok=True)
            os.rename(staging / entry_name(part) / version, folder / version)
            force(folder)
        for part in parts:
            _write_latest(part, version, staging=staging)
    except BaseException:
        _withdraw(staging, before=before, version=version)
        raise


def _withdraw(staging: Path, *, before: Mapping[str, str | None], version: str) -> None:
    """Take back what was published, the manifest first, by renaming: no part of a release is ever half there."""
    for part, latest in reversed(list(before.items())):
        folder = _models() / entry_name(part)
        with suppress(OSError):
            os.rename(folder / version, staging / entry_name(part) / version)
        with suppress(OSError):
            if latest is None:
                (folder / LATEST).unlink(missing_ok=True)
                folder.rmdir()
            else:
                _write_latest(part, latest, staging=staging)


def _read_latest(part: str) -> str | None:
    latest = _models() / entry_name(part) / LATEST
    return latest.read_text().strip() if latest.exists() else None


def _write_latest(part: str, version: str, *, staging: Path) -> None:
    written = staging / LATEST
    written.write_text(version)
    os.replace(written, _models() / entry_name(part) / LATEST)


def _sync_tree(folder: Path) -> None:
    """Force a folder and all below it to the disk: a rename must not arrive there before what it names."""
    for path in folder.rglob("*"):
        force(path)
    force(folder)


def _models() -> Path:
    return Path(BentoMLContainer.model_store_dir.get())


def _staging_root() -> Path:
    """Return a folder of BentoML's own on the file system of the models, so that a rename is possible."""
    return Path(BentoMLContainer.tmp_bento_store_dir.get())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, BentoMLException) as error:
        raise TrainingError(
            f"the model store must be writable, however: {first_line(error)}. "
            "Free space there, or set BENTOML_HOME to another folder."
        ) from error
