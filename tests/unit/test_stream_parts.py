"""The parts of streaming a table, each beside what does the same in memory."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from service.contract.card import RawFeature
from training.columns.codes import category_feature, describe_numbers
from training.errors import TrainingError
from training.network import feature_moments
from training.preprocessing import fit_preprocessing, scale
from training.step.batches import Batch
from training.step.file_rows import FileRows, read_ahead
from training.stream.first_pass.column_facts import Moments
from training.stream.first_pass.sample import Sample
from training.stream.places import TEST, VALIDATION, PlaceSplit
from training.stream.second_pass.encoder import Seen, make_encoder, stand_in
from training.stream.second_pass.scaling import ProductMoments
from training.stream.spill import StreamedRows, spill, spill_file, spill_path

CPU = torch.device("cpu")
ROWS = 5_000


def test_the_part_of_a_row_follows_from_its_place_and_the_seed_alone() -> None:
    split = PlaceSplit(seed=3, test_fraction=0.2)
    parts = split.parts(0, 100_000)
    assert np.array_equal(np.concatenate([split.parts(0, 17), split.parts(17, 99_983)]), parts)
    assert np.mean(parts == TEST) == pytest.approx(0.2, abs=0.005)  # four standard errors
    assert np.mean(parts == VALIDATION) == pytest.approx(0.8 * 0.13, abs=0.004)
    assert not np.array_equal(PlaceSplit(4, 0.2).parts(0, 100), parts[:100])


@pytest.mark.parametrize("block", [1, 999, 10_000])
def test_the_rows_that_are_drawn_do_not_depend_on_the_blocks(block: int) -> None:
    sample = Sample(100, seed=5)
    for start in range(0, 10_000, block):
        rows = np.arange(start, min(start + block, 10_000))
        sample.add(pa.record_batch({"x": rows}), start, rows % 2 == 0)
    pieces, places, drawn = sample.finish()
    assert drawn.all()
    assert np.concatenate([piece["x"] for piece in pieces]).tolist() == places.tolist()
    assert len(places) == 100
    assert not (places % 2).any()
    assert abs(places.mean() - 5_000) < 4 * 10_000 / 12**0.5 / 10
    if block == 1:
        whole = Sample(100, seed=5)
        rows = np.arange(10_000)
        whole.add(pa.record_batch({"x": rows}), 0, rows % 2 == 0)
        assert sorted(places) == sorted(whole.finish()[1])


def test_a_row_that_shows_an_end_gives_way_to_the_next_and_others_stay() -> None:
    sample = Sample(1, seed=0)
    blocks = [pa.record_batch({"x": np.arange(start, start + 10)}) for start in (0, 10)]
    sample.show(blocks[0], 0, [("lowest", 3), ("highest", 4), ("a gap", 4)])
    sample.show(blocks[1], 10, [("highest", 9)])
    assert sorted(sample.finish()[1].tolist()) == [3, 4, 19]


def make_columns(levels: int, gaps: bool) -> tuple[NDArray[np.float64], list[RawFeature], dict[str, Seen]]:
    """A number, a boolean, a category of few levels, and one of ``levels`` that are rarer and rarer."""
    chance = np.random.default_rng(levels)
    many = np.minimum(chance.geometric(0.1, ROWS) - 1, levels - 1)
    raw = np.column_stack(
        [chance.normal(size=ROWS), chance.integers(2, size=ROWS), chance.integers(3, size=ROWS), many]
    )
    raw = raw.astype(np.float64)
    if gaps:
        raw[chance.random(raw.shape) < [0.1, 0.02, 0.3, 0.001]] = np.nan
    features, seen = [describe_numbers("a", raw[:, 0])], {}
    seen["a"] = Seen(median=float(np.nanmedian(raw[:, 0])), gaps=int(np.isnan(raw[:, 0]).sum()))
    features.append(RawFeature(name="b", kind="boolean", minimum=0, maximum=1))
    seen["b"] = Seen(median=float(np.nanmedian(raw[:, 1])), gaps=int(np.isnan(raw[:, 1]).sum()))
    for place in (2, 3):
        present = raw[~np.isnan(raw[:, place]), place].astype(int)
        codes, places = np.unique(present, return_inverse=True)  # a level that no row holds is none
        raw[~np.isnan(raw[:, place]), place] = places
        counts = np.bincount(places)
        names = {f"{code:05}": int(count) for code, count in zip(codes, counts, strict=True)}
        features.append(category_feature(f"c{place}", names, rows=ROWS))
        seen[f"c{place}"] = Seen(gaps=ROWS - len(present), counts=counts)
    return raw, features, seen


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("levels", [2, 19, 20, 21, 60])
def test_a_fit_on_the_stand_in_rows_is_one_on_all_rows(levels: int, gaps: bool) -> None:
    raw, features, seen = make_columns(levels, gaps)
    on_all = fit_preprocessing(raw, features, complete=not gaps)
    on_few = fit_preprocessing(stand_in(features, seen), features, complete=not gaps)
    others = np.array([[9.0, 1, -1, -1], [np.nan] * 4]) if gaps else np.array([[9.0, 1, -1, -1]])
    rows = np.vstack([raw, others])
    assert np.array_equal(scale(on_all, rows), scale(on_few, rows))
    assert np.array_equal(make_encoder(on_few)(rows), scale(on_all, rows))
    assert [column.encoded_columns for column in features[2:]] == [
        len(codes) - len(rare if rare is not None else []) + (rare is not None)
        for codes, rare in zip(
            on_all["encode"].named_transformers_["levels"].categories_,
            on_all["encode"].named_transformers_["levels"].infrequent_categories_,
            strict=True,
        )
    ]


def test_the_moments_of_products_are_those_of_the_products() -> None:
    chance = np.random.default_rng(0)
    columns = chance.random((ROWS, 7), dtype=np.float32)
    columns[:, 5] = chance.integers(2, size=ROWS)
    columns[:, 6] = 1 - columns[:, 5]  # the product of both is 0 everywhere
    moments = ProductMoments(7)
    for part in np.split(columns, [1, 40, 3_000]):
        moments.add(part)
    mean, deviation = moments.result()
    expected = feature_moments(torch.from_numpy(columns))
    assert mean == pytest.approx(expected[0].numpy(), rel=1e-12)
    assert deviation == pytest.approx(expected[1].numpy(), rel=1e-9)
    assert (deviation == 0).sum() == 1


def test_mean_and_spread_come_out_of_pieces() -> None:
    values = np.random.default_rng(0).normal(1e6, 2, ROWS)
    moments = Moments()
    for part in np.split(values, [0, 1, 700]):
        moments.add(part)
    assert (moments.mean, moments.deviation) == pytest.approx((values.mean(), values.std()), rel=1e-12)


def streamed(folder: Path, rows: int, *, chunk_rows: int) -> StreamedRows:
    """Rows whose columns and target are their own numbers."""
    numbers = np.arange(rows, dtype=np.float32)
    np.column_stack([numbers, numbers, -numbers]).tofile(folder / "rows")
    nothing = np.zeros(0)
    return StreamedRows(
        str(folder / "rows"), rows, 2, nothing, nothing, nothing.astype(np.int64), chunk_rows=chunk_rows, content="a"
    )


def read_epoch(rows: FileRows, seed: int, *, passed: int = 0, batch_size: int = 64) -> list[Batch]:
    return list(
        rows.batches(torch.tensor(seed), batch_size=batch_size, part=lambda rows: slice(0, rows), passed=passed)
    )


def order(batches: list[Batch]) -> list[float]:
    assert all(torch.equal(batch.columns[:, 1], -batch.target) for batch in batches)
    return [value for batch in batches for value in batch.columns[:, 0].tolist()]


@pytest.mark.parametrize("count", [1, 64, 3_000, 10_007])
def test_an_epoch_passes_each_row_once_in_an_order_of_its_seed(tmp_path: Path, count: int) -> None:
    rows = FileRows(streamed(tmp_path, count, chunk_rows=3_000), device=CPU)
    first = read_epoch(rows, 1)
    assert sorted(order(first)) == list(range(count))
    assert order(read_epoch(rows, 1)) == order(first)
    assert [batch.rows for batch in first] == [64] * (count // 64) + [count % 64] * (count % 64 > 0)
    if count > 3_000:
        assert order(read_epoch(rows, 2)) != order(first)
        of_first_chunk = np.array(order(first)[:2_944])  # 46 batches: 98 or 99 pieces of 30 rows, from anywhere
        assert np.unique(of_first_chunk // 30).size in (98, 99, 100)
        assert abs(of_first_chunk.mean() - count / 2) < 5 * count / 12**0.5 / 98**0.5


@pytest.mark.parametrize("passed", [64, 2_944, 2_944 + 128, 9_984])
def test_an_epoch_that_goes_on_passes_the_rows_that_are_left(tmp_path: Path, passed: int) -> None:
    rows = FileRows(streamed(tmp_path, 10_007, chunk_rows=3_000), device=CPU)
    assert order(read_epoch(rows, 1, passed=passed)) == order(read_epoch(rows, 1))[passed:]


def test_two_ranks_compute_the_parts_of_each_batch(tmp_path: Path) -> None:
    rows = FileRows(streamed(tmp_path, 1_000, chunk_rows=300), device=CPU)
    whole = read_epoch(rows, 1)
    halves = [list(rows.batches(torch.tensor(1), batch_size=64, part=part, passed=0)) for part in (
        lambda rows: slice(0, rows // 2), lambda rows: slice(rows // 2, rows)
    )]  # fmt: skip
    for batch, low, high in zip(whole, *halves, strict=True):
        assert torch.equal(torch.cat([low.columns, high.columns]), batch.columns)
        assert low.rows == high.rows == batch.rows


def test_rows_that_are_cut_from_the_disk_are_missed(tmp_path: Path) -> None:
    rows = streamed(tmp_path, 5_000, chunk_rows=300)
    (tmp_path / "rows").write_bytes((tmp_path / "rows").read_bytes()[:10_000])
    with pytest.raises(TrainingError, match="must stay on the disk"):
        read_epoch(FileRows(rows, device=CPU), 1)


def test_whoever_stops_in_the_middle_ends_the_thread() -> None:
    with read_ahead(itertools.count()) as items:
        assert [next(items), next(items)] == [0, 1]
    assert not [thread for thread in threading.enumerate() if thread.name == "reads ahead"]


def test_a_file_of_rows_is_read_by_its_path_and_gone_afterwards() -> None:
    with spill_file(rows=3, columns=2) as file:
        path = spill_path(file)
        spill(file, np.array([[1, 2], [3, 4]], dtype=np.float32), np.array([5, 6], dtype=np.float32))
        spill(file, np.array([[7, 8]], dtype=np.float32), np.array([9], dtype=np.float32))
        assert np.fromfile(path, dtype=np.float32).tolist() == [1, 2, 5, 3, 4, 6, 7, 8, 9]
    assert not Path(path).exists()


def test_a_disk_without_room_is_named() -> None:
    with (
        pytest.raises(TrainingError, match=r"rows, 40,000,000,000 MB, however: .* MB are free. Make room"),
        spill_file(rows=10**12, columns=9_999),
    ):
        pass
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(TrainingError, match="No space left"):
        spill(full, np.ones((1, 1), np.float32), np.ones(1, np.float32))
