"""Which release of the model store is served, and what is wrong with those that are not."""

import hashlib
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from service.contract.card import Examples, ModelCard
from service.models.entry import ReleaseError
from service.models.release import open_release
from tests.cards import make_card
from tests.simulated import Profile
from training.store import save_release

SMALL = Profile("small", 2, 50, 14_151, fixed_ms=0.1, row_ms=0.01, accuracy=0.9, train_seconds=1, worker_mb=130)
GRAPH = hashlib.sha256(b"graph").hexdigest()
OLD, NEW = "20260101t000000-aaaaaa", "20260201t000000-bbbbbb"


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Path]:
    """The models' folder of an empty store, which is BentoML's for the time of a test."""
    folder, staging = tmp_path / "models", tmp_path / "tmp"
    folder.mkdir()
    staging.mkdir()
    places: dict[Any, Any] = {
        BentoMLContainer.model_store_dir: str(folder),
        BentoMLContainer.model_store: ModelStore(folder),
        BentoMLContainer.tmp_bento_store_dir: str(staging),
    }
    for provider, place in places.items():
        provider.set(place)
    yield folder
    for provider in places:
        provider.reset()


def card(version: str) -> dict[str, Any]:
    """Return the members of the card of ``small``."""
    examples = Examples(raw=[[0.5]], features=[[0.5, 0.25]], target=[1], prediction=[0.5])
    return ModelCard(**make_card(SMALL).model_dump() | {"release": version, "examples": examples}).model_dump()


def save(version: str, **changes: Any) -> None:
    """Save a release of ``small``; its graphs are never opened here."""
    members = {name: value for name, value in {**card(version), **changes}.items() if value is not None}
    graphs = dict.fromkeys(("network.onnx", "pipeline.onnx", "trace.onnx"), b"graph")
    save_release(
        version,
        architectures={"small": {**graphs, "card.json": json.dumps(members).encode()}},
        preprocessing={"preprocessing.onnx": b"graph"},
        evaluation={"summary.json": b"{}"},
    )


def edit_manifest(models: Path, version: str, change: Any) -> None:
    """Let ``change`` edit a release's manifest in place."""
    file = models / "archscale-preprocessing" / version / "model.yaml"
    document = yaml.safe_load(file.read_text())
    change(document["metadata"])
    file.write_text(yaml.safe_dump(document))


def lose_the_description(models: Path) -> None:
    (models / "archscale-preprocessing" / NEW / "model.yaml").unlink()


def lose_the_architecture(models: Path) -> None:
    (models / "archscale-small" / NEW / "model.yaml").unlink()


def spoil_the_manifest(models: Path) -> None:
    edit_manifest(models, NEW, lambda manifest: manifest.pop("architectures"))


DAMAGES = [lose_the_description, lose_the_architecture, spoil_the_manifest]


def test_the_newest_release_is_opened(models: Path) -> None:
    save(OLD)
    save(NEW)
    assert open_release().version == NEW
    assert open_release(wanted=OLD).version == OLD


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_release_is_named_and_the_one_before_it_served(
    models: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save(OLD)
    save(NEW)
    damage(models)
    assert open_release().version == OLD
    (warning,) = caplog.messages
    assert OLD in warning
    assert NEW in warning


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_no_release_is_whole_the_newest_ones_damage_is_told(models: Path, damage: Any) -> None:
    save(NEW)
    damage(models)
    with pytest.raises(ReleaseError, match=rf"Run: python -m training \(the newest: .*{NEW}"):
        open_release()


@pytest.mark.parametrize(
    ("part", "name"),
    [("small", "network.onnx"), ("small", "card.json"), ("preprocessing", "preprocessing.onnx")],
)
@pytest.mark.parametrize("whole", [True, False], ids=["part", "file"])
def test_what_the_manifest_leaves_out_is_not_served(models: Path, part: str, name: str, whole: bool) -> None:
    save(NEW)

    def leave_out(manifest: dict[str, Any]) -> None:
        del (manifest["files"] if whole else manifest["files"][part])[part if whole else name]

    edit_manifest(models, NEW, leave_out)
    with pytest.raises(ReleaseError, match=rf"release {NEW} must list every file of archscale-{part}"):
        open_release()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"depth": None}, "depth: Field required"),
        ({"recipe": {}}, "recipe.epochs: Field required"),
        ({"feature_names": ["x1"]}, "1 raw features and 1 features"),
        ({"release": OLD}, f"it is the card of small:{OLD}"),
    ],
)
def test_a_card_that_breaks_the_contract_is_refused_with_the_reason(
    models: Path, changes: dict[str, Any], reason: str
) -> None:
    save(NEW, **changes)
    with pytest.raises(ReleaseError, match=rf"must agree with the contract, however: {reason}\. Train") as caught:
        open_release()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [None, 1, 2])
def test_a_card_of_a_format_that_is_known_is_read(models: Path, number: int | None) -> None:
    save(NEW, format=number)
    assert open_release().card.format == (number or 1)


@pytest.mark.parametrize("number", [0, 3, "2", True, 1.5])
def test_a_card_of_another_format_is_refused_with_what_to_do(models: Path, number: object) -> None:
    save(NEW, format=number, more="than this service knows")
    with pytest.raises(ReleaseError, match=rf"\(1, 2\), however: it is of format {number}\. .* train again") as caught:
        open_release()
    assert "\n" not in str(caught.value)


def test_the_features_are_those_of_the_encoded_columns(models: Path) -> None:
    column = {
        "name": "city",
        "minimum": 0,
        "maximum": 1,
        "kind": "category",
        "levels": ["a", "b"],
        "encoded_columns": 2,
    }
    save(NEW, raw_features=[column], feature_names=["a", "b", "a a", "a b", "b b"])
    assert open_release().card.raw_features[0].encoded_columns == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"raw_features": [{"name": "c", "minimum": 0, "maximum": 0, "kind": "category"}]},
            "category 'c' has no levels",
        ),
        ({"target": {"name": "y", "classes": ["a", "b", "a"]}}, "a classification of the classes"),
        ({"target": {"name": "y"}}, "a classification of the classes"),
    ],
)
def test_levels_and_classes_must_be_there(models: Path, changes: dict[str, Any], reason: str) -> None:
    save(NEW, **changes)
    with pytest.raises(ReleaseError, match=reason):
        open_release()


def put_a_pickle(folder: Path) -> str:
    (folder / "custom_objects.pkl").write_bytes(pickle.dumps({}))
    return "'custom_objects.pkl' is not among them"


def put_a_folder(folder: Path) -> str:
    (folder / "more").mkdir()
    (folder / "more/network.onnx").write_bytes(b"graph")
    return "'more/network.onnx' is not among them"


def put_a_link(folder: Path) -> str:
    (folder / "network.onnx").rename(folder.parent / "elsewhere.onnx")
    (folder / "network.onnx").symlink_to(folder.parent / "elsewhere.onnx")
    return "'network.onnx' is a link"


def put_a_linked_folder(folder: Path) -> str:
    (folder / "more").symlink_to(folder.parent)
    return "'more' is a link"


def change_a_file(folder: Path) -> str:
    (folder / "network.onnx").write_bytes(b"Graph")
    return "network.onnx must have SHA-256"


def lose_a_file(folder: Path) -> str:
    (folder / "network.onnx").unlink()
    return "unreadable"


@pytest.mark.parametrize(
    "harm", [put_a_pickle, put_a_folder, put_a_link, put_a_linked_folder, change_a_file, lose_a_file]
)
@pytest.mark.parametrize("part", ["small", "preprocessing"])
def test_an_entry_that_holds_anything_but_its_files_is_refused(models: Path, part: str, harm: Any) -> None:
    save(NEW)
    folder = models / f"archscale-{part}" / NEW
    if part == "preprocessing":
        (folder / "preprocessing.onnx").rename(folder / "network.onnx")
        edit_manifest(models, NEW, lambda manifest: manifest["files"][part].update({"network.onnx": GRAPH}))
        (folder / "preprocessing.onnx").write_bytes(b"graph")
    told = harm(folder)
    with pytest.raises(ReleaseError, match=re.escape(told)) as caught:
        open_release()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("extra.pkl", b"harmless"), ("extra.json", pickle.dumps([1]))])
def test_a_pickle_that_the_manifest_lists_is_refused_whatever_it_is_called(
    models: Path, name: str, content: bytes
) -> None:
    save(NEW)
    (models / "archscale-small" / NEW / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(models, NEW, lambda manifest: manifest["files"]["small"].update({name: digest}))
    with pytest.raises(ReleaseError, match=rf"run no code when they are read, however: '{name}'"):
        open_release()
