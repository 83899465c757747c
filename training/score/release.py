"""Find a release in the BentoML model store and open one architecture of it, its files checked against their digests.

As the service does: a release is complete when its preprocessing entry, which is written last, and every architecture
that it lists are there.
"""

import hashlib
import json
from pathlib import Path

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLException
from pydantic import ValidationError

from service.contract.card import CARD_FORMAT, ModelCard
from service.contract.files import CARD_FILE, PIPELINE_FILE, ReleaseManifest, entry_name
from service.contract.names import PREPROCESSING
from training.errors import TrainingError, UserError, first_line, quoted
from training.score.file import Scorer

READ_FORMATS = (1, CARD_FORMAT)
"""Of cards. The first is that of cards that name none."""
PREPROCESSING_ENTRY = entry_name(PREPROCESSING)
LIST_RELEASES = f"List the releases with: bentoml models list {PREPROCESSING_ENTRY}"
TRAIN_AGAIN = "Train again with: python -m training"


def open_scorer(*, release: str | None, architecture: str | None) -> Scorer:
    """Open an architecture. None: the newest complete release, the architecture of the lowest held-out loss.

    Raise UserError for a release or architecture that is not there, TrainingError for one that can't be trusted.
    """
    manifest = _read_manifest(release) if release is not None else _find_newest()
    if architecture is None:
        cards = [_read_card(name, manifest) for name in manifest.architectures]
        card = min(cards, key=lambda card: card.test.loss)
    elif architecture in manifest.architectures:
        card = _read_card(architecture, manifest)
    else:
        raise UserError(
            f"--architecture must name one of release {manifest.release} ({', '.join(manifest.architectures)}), "
            f"however: {quoted(architecture)}. Correct it."
        )
    return Scorer(card, _read_file(card.architecture, PIPELINE_FILE, manifest))


def _find_newest() -> ReleaseManifest:
    # The folders are read, as the service does: bentoml.models.list() fails as a whole when a model of the store is
    # damaged (BentoML 1.4.39). Versions begin with their time of creation.
    folder = Path(str(BentoMLContainer.model_store_dir.get())) / PREPROCESSING_ENTRY
    found: TrainingError | None = None
    for version in sorted((entry.name for entry in folder.glob("*/") if entry.is_dir()), reverse=True):
        try:
            manifest = _read_manifest(version)
            for name in manifest.architectures:
                _folder(name, version)
        except TrainingError as error:
            found = found or error
            continue
        return manifest
    damage = f" (the newest: {found})" if found else ""
    raise UserError(
        "the model store must hold a complete release, however: none was found. Train one with: python -m training, or "
        f"set BENTOML_HOME to the folder of one.{damage}"
    )


def _get(part: str, version: str) -> bentoml.Model:
    tag = f"{entry_name(part)}:{version}"
    try:
        model = bentoml.models.get(tag)
    except (BentoMLException, ValueError, OSError):
        raise UserError(
            f"release {quoted(version)} must be in the model store, however: {entry_name(part)} of this version is not "
            f"there or can't be read. {LIST_RELEASES}"
        ) from None
    if model.tag.version != version:  # BentoML also finds a version by its beginning
        raise UserError(
            f"--release must be a whole version, however: {quoted(version)}. Did you mean {model.tag.version}?"
        )
    return model


def _folder(part: str, version: str) -> Path:
    return Path(_get(part, version).path)


def _read_manifest(version: str) -> ReleaseManifest:
    try:
        return ReleaseManifest.model_validate(_get(PREPROCESSING, version).info.metadata)
    except ValidationError as error:
        raise TrainingError(
            f"release {version} must carry a manifest that is understood here, however: {_reason(error)}. {TRAIN_AGAIN}"
        ) from None


def _read_file(part: str, name: str, manifest: ReleaseManifest) -> bytes:
    path = _folder(part, manifest.release) / name
    expected = manifest.files.get(part, {}).get(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"{entry_name(part)}:{manifest.release} must hold {name}, however: {error.strerror}. {TRAIN_AGAIN}"
        ) from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise TrainingError(
            f"{entry_name(part)}:{manifest.release}: {name} must have the SHA-256 of its manifest, however: the file "
            "was changed. Give another --release, or train again with: python -m training"
        )
    return content


def _read_card(name: str, manifest: ReleaseManifest) -> ModelCard:
    content = _read_file(name, CARD_FILE, manifest)
    entry = f"{entry_name(name)}:{manifest.release}"
    try:
        members = json.loads(content)
        found = members.get("format", READ_FORMATS[0]) if isinstance(members, dict) else READ_FORMATS[0]
        if found not in READ_FORMATS or isinstance(found, bool):
            raise TrainingError(
                f"{entry}: {CARD_FILE} must be of a format that is known here ({', '.join(map(str, READ_FORMATS))}), "
                f"however: it is of format {str(found)[:20]}. Score with the archscale that trained it, or train again "
                "with: python -m training"
            )
        return ModelCard.model_validate(members)
    except ValueError as error:
        raise TrainingError(
            f"{entry}: {CARD_FILE} must agree with the contract, however: {_reason(error)}. {TRAIN_AGAIN}"
        ) from None


def _reason(error: ValueError) -> str:
    """Say in one line what is wrong: of all that pydantic found, the first, and where that is."""
    if not isinstance(error, ValidationError):
        return first_line(error).rstrip(".")
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
