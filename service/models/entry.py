"""Whether an entry of the model store holds what the release's manifest lists, unchanged, and nothing else."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.contract.files import (
    CARD_FILE,
    NETWORK_FILE,
    PIPELINE_FILE,
    PREPROCESSING_ONNX_FILE,
    TRACE_FILE,
    entry_name,
)
from service.contract.names import PREPROCESSING

ARCHITECTURE_FILES = (NETWORK_FILE, PIPELINE_FILE, TRACE_FILE, CARD_FILE)
DESCRIPTION_FILE = "model.yaml"
"""BentoML's own, beside the files of every entry."""
KINDS = (".json", ".onnx", ".safetensors", ".skops")
"""Of files that run no code when they are read. A pickle does, whatever it is called."""
PICKLE = b"\x80"
"""Every pickle since protocol 2 begins so (PEP 307), and no file of these kinds."""
SHOWN_DIGITS = 12


class ReleaseError(Exception):
    """There is no release to serve, or it can't be trusted: one line that says what to do."""


def check_entry(part: str, folder: Path, release: str, digests: Mapping[str, str]) -> None:
    """Raise ReleaseError unless ``folder`` holds the files of ``digests``, and these are what is served.

    part: an architecture or 'preprocessing'; digests: file name -> SHA-256 in hexadecimal.
    """
    served = (PREPROCESSING_ONNX_FILE,) if part == PREPROCESSING else ARCHITECTURE_FILES
    if unlisted := [name for name in served if name not in digests]:
        raise ReleaseError(
            f"the manifest of release {release} must list every file of {entry_name(part)} that is served, "
            f"however: {unlisted[0]} is not listed. Train again with: python -m training"
        )
    entry = f"{entry_name(part)}:{release}"
    for name in _walk(folder, entry):
        if name not in (*digests, DESCRIPTION_FILE):
            raise ReleaseError(
                f"{entry} must hold the files of its manifest alone, however: {name!r} is not among them. Remove it, "
                "or train again with: python -m training"
            )
    for name, expected in digests.items():
        _check_file(folder / name, name, entry, expected)


def _walk(folder: Path, entry: str) -> Iterator[str]:
    """Yield the files below a folder by their paths in it. Raises ReleaseError for what is no file."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ReleaseError(f"{entry} must hold files, however: {name!r} is a link. Put the file in its place.")
        if not path.is_dir():
            yield name


def _check_file(path: Path, name: str, entry: str, expected: str) -> None:
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
    except OSError as error:
        content, digest = b"", f"unreadable ({error.strerror})"
    if digest != expected:
        raise ReleaseError(
            f"{entry}: {name} must have SHA-256 {expected[:SHOWN_DIGITS]}..., however: {digest[:40]}. The file was "
            "changed; train again or serve another release with ARCHSCALE_RELEASE."
        )
    if path.suffix not in KINDS or content.startswith(PICKLE):
        raise ReleaseError(
            f"{entry} must hold {', '.join(KINDS)} alone, which run no code when they are read, however: {name!r} is "
            "no such file. Train again with: python -m training"
        )
