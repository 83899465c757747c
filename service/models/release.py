"""Find, open and verify a release in the BentoML model store.

A release is complete when its preprocessing entry, which is written last, and every architecture that it
lists are there. Architectures are taken by that list, never by their own ``latest``.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import bentoml
import orjson
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLException, NotFound
from pydantic import ValidationError

from service.contract.card import CARD_FORMAT, ModelCard
from service.contract.files import (
    CARD_FILE,
    GOLDEN_ROWS,
    ReleaseManifest,
    entry_name,
)
from service.contract.names import PREPROCESSING, check_name, count_features
from service.models.entry import ReleaseError, check_entry

logger = logging.getLogger("bentoml.archscale")
PREPROCESSING_ENTRY = entry_name(PREPROCESSING)
FORMATS = (1, CARD_FORMAT)
"""Of the cards that are read. The first is that of cards that name none."""


class UnknownFormatError(Exception):
    """A card is of a format that is not read here, which it names."""


@dataclass(frozen=True)
class Release:
    """A verified release: where its parts lie and what its cards say."""

    version: str
    architectures: tuple[str, ...]
    """Those that are served; ``manifest`` lists all."""
    manifest: ReleaseManifest
    folders: dict[str, Path]
    """Part (an architecture or 'preprocessing') -> its folder in the store."""
    cards: dict[str, ModelCard]

    @property
    def card(self) -> ModelCard:
        """Any card, for what all cards of a release share: raw features, task, target."""
        return self.cards[self.architectures[0]]


def open_release(*, wanted: str | None = None, only: tuple[str, ...] = ()) -> Release:
    """Find the release, check every file against its digest, and read the cards.

    wanted: a whole version; None is the Bento's own, or the newest complete one outside a Bento.
    only: the architectures to serve; empty is all. Raises ReleaseError.
    """
    manifest = find_manifest(wanted)
    architectures = _choose(manifest, only)
    folders = {part: _folder(part, manifest.release) for part in (*architectures, PREPROCESSING)}
    for part, folder in folders.items():
        check_entry(part, folder, manifest.release, manifest.files.get(part, {}))
    cards = {name: _read_card(folders[name] / CARD_FILE, name, manifest) for name in architectures}
    return Release(manifest.release, architectures, manifest, folders, cards)


def find_manifest(wanted: str | None) -> ReleaseManifest:
    """Return the manifest of the wanted, the frozen or the newest complete release; raise ReleaseError if none is."""
    # Inside a Bento the alias names the release it was built with; outside there is no alias (BentoML 1.4.39).
    if alias := BentoMLContainer.model_aliases.get().get(PREPROCESSING_ENTRY):
        frozen = alias.partition(":")[2]
        if wanted not in (None, frozen):
            raise ReleaseError(
                f"a Bento serves the release it was built with, {frozen}, however: ARCHSCALE_RELEASE={wanted}. "
                "Unset it, or build a Bento from that release."
            )
        return _read_manifest(frozen)
    if wanted is not None:
        return _read_manifest(wanted)
    passed_over: list[ReleaseError] = []
    for version in _versions_newest_first():
        try:
            manifest = _read_manifest(version)
            for name in manifest.architectures:
                _folder(name, version)
        except ReleaseError as error:
            passed_over.append(error)
            continue
        for damage in passed_over:
            logger.warning("release %s is served, for a newer one can't be: %s", version, damage)
        return manifest
    raise ReleaseError(
        "the model store must hold a complete release, however: none was found. Run: python -m training"
        + "".join(f" (the newest: {error})" for error in passed_over[:1])
    )


def _versions_newest_first() -> list[str]:
    # Versions begin with their time of creation, so their order is that of time. The folders are read rather than
    # bentoml.models.list(), which fails as a whole when any model of the store is damaged (BentoML 1.4.39).
    folder = Path(str(BentoMLContainer.model_store_dir.get())) / PREPROCESSING_ENTRY
    return sorted((entry.name for entry in folder.glob("*/") if entry.is_dir()), reverse=True)


def _get(part: str, version: str) -> bentoml.Model:
    tag = f"{entry_name(part)}:{version}"
    try:
        model = bentoml.models.get(tag)
    except (NotFound, BentoMLException, OSError) as error:
        raise ReleaseError(
            f"release {version} must be in the model store, however: {tag} is not there or can't be read "
            f"({type(error).__name__}). List the releases with: bentoml models list {PREPROCESSING_ENTRY}"
        ) from None
    if model.tag.version != version:  # BentoML also finds a version by its beginning
        raise ReleaseError(
            f"a release must be named by its whole version, however: {version!r}. Did you mean {model.tag.version}?"
        )
    return model


def _folder(part: str, version: str) -> Path:
    return Path(_get(part, version).path)


def _read_manifest(version: str) -> ReleaseManifest:
    try:
        manifest = ReleaseManifest.model_validate(_get(PREPROCESSING, version).info.metadata)
    except ValidationError as error:
        raise ReleaseError(
            f"release {version} must carry a manifest that this service understands, however: "
            f"{_reason(error)}. Train again with: python -m training"
        ) from None
    if manifest.release != version:
        raise ReleaseError(f"release {version} must carry its own manifest, however: it is that of {manifest.release}.")
    return manifest


def _choose(manifest: ReleaseManifest, only: tuple[str, ...]) -> tuple[str, ...]:
    if missing := [name for name in only if name not in manifest.architectures]:
        raise ReleaseError(
            f"ARCHSCALE_ARCHITECTURES must name architectures of release {manifest.release} "
            f"({', '.join(manifest.architectures)}), however: {missing[0]!r}. Correct or unset it."
        )
    return tuple(name for name in manifest.architectures if not only or name in only)


def _read_card(path: Path, name: str, manifest: ReleaseManifest) -> ModelCard:
    try:
        content = path.read_bytes()
        _check_format(content)
        card = ModelCard.model_validate_json(content)
        check_name(name)
        _check_card(card, name, manifest)
    except UnknownFormatError as error:
        raise ReleaseError(
            f"{entry_name(name)}:{manifest.release}: {path.name} must be of a format that this service knows "
            f"({', '.join(map(str, FORMATS))}), however: it is of format {error}. Serve it with the archscale that "
            "trained it, or train again with: python -m training"
        ) from None
    except (OSError, ValueError) as error:
        raise ReleaseError(
            f"{entry_name(name)}:{manifest.release}: {path.name} must agree with the contract, however: "
            f"{_reason(error)}. Train again with: python -m training"
        ) from None
    return card


def _check_format(card: bytes) -> None:
    """Raise UnknownFormatError if the card names a format that is not read here; where it is no object, pass it by."""
    members = orjson.loads(card)
    found = members.get("format", FORMATS[0]) if isinstance(members, dict) else FORMATS[0]
    if found not in FORMATS or isinstance(found, bool):
        raise UnknownFormatError(str(found)[:20])


def _reason(error: OSError | ValueError) -> str:
    """Say in one line what is wrong with a file: of all that pydantic found, the first, and where that is."""
    if not isinstance(error, ValidationError):
        return str(error).rstrip(".")
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def _check_card(card: ModelCard, name: str, manifest: ReleaseManifest) -> None:
    """Contract against card: what people decided against what training learnt."""
    if (card.architecture, card.release) != (name, manifest.release):
        raise ValueError(f"it is the card of {card.architecture}:{card.release}")
    if len(card.feature_names) != count_features(sum(column.encoded_columns for column in card.raw_features)):
        raise ValueError(f"{len(card.raw_features)} raw features and {len(card.feature_names)} features")
    if unlevelled := [column.name for column in card.raw_features if column.kind == "category" and not column.levels]:
        raise ValueError(f"category {unlevelled[0]!r} has no levels")
    if len(card.target.classes) != len(set(card.target.classes)) or (
        card.task == "classification" and len(card.target.classes) < 2
    ):
        raise ValueError(f"a {card.task} of the classes {card.target.classes}")
    if not card.examples.raw[:GOLDEN_ROWS]:
        raise ValueError("it carries no example rows")
