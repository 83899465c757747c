"""Learn from the rows of files that are larger than the memory: the second pass, over the training rows."""

from contextlib import ExitStack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.contract.card import DataSource, RawFeature
from training import store
from training.artefacts import Prepared
from training.columns.decide import code_table
from training.columns.split import SplitRows, take_rows
from training.learning.learning import Learning, join_rows, make_target
from training.options import TrainingOptions
from training.preprocessing import fit_preprocessing
from training.process import TargetScale
from training.stream.bounds import Bounds
from training.stream.first_pass.learn import LearntColumns
from training.stream.places import TRAIN
from training.stream.second_pass.encoder import Seen, make_encoder, stand_in
from training.stream.second_pass.rows import RowReader, TargetCoder, files_changed
from training.stream.second_pass.scaling import ProductMoments
from training.stream.spill import StreamedRows, spill, spill_file, spill_path


def learn_from_files(learnt: LearntColumns, options: TrainingOptions, kept: ExitStack) -> Learning:
    """Fit the preprocessing on what was counted, and the statistics of the products on all training rows.

    The rows that were drawn of the others choose the epoch, are held out, and serve the baselines.
    kept: holds the scaled training rows on the disk, as long as they are wanted. Raise TrainingError where there is no
    room for these, or a file has changed meanwhile.
    """
    decided, looked = learnt.decided, learnt.looked
    assert decided.whole is not None
    assert decided.target is not None
    counts, bounds = decided.whole.counts, Bounds.of(options.memory)
    table = code_table(decided)
    parts = take_rows(table, decided.whole.drawn)
    preprocessing = fit_preprocessing(
        stand_in(table.columns, _seen(learnt, parts)), table.columns, complete=not np.isnan(table.raw).any()
    )
    classes = np.array(decided.whole.class_counts, dtype=np.int64)
    moments = looked.target.moments
    target = make_target(table, deviation=moments.deviation, shares=(classes / max(1, classes.sum())).tolist())
    target_scale = TargetScale(mean=moments.mean if table.task == "regression" else 0.0, scale=target.scale)
    encoder = make_encoder(preprocessing)
    reader = RowReader(
        files=learnt.files,
        stamps=learnt.stamps,
        features=decided.features,
        target=TargetCoder(
            decided.target.name,
            decided.target.classes,
            decimal=decided.table.decimal,
            numeric=decided.target.name in options.columns.numeric,
        ),
        words=looked.words,
        split=learnt.split,
    )
    file = kept.enter_context(spill_file(rows=counts.train, columns=encoder.columns))
    products = ProductMoments(encoder.columns)
    for raw, values in reader.read():
        columns = encoder(raw)
        products.add(columns)
        spill(file, columns, ((values - target_scale.mean) / target_scale.scale).astype(np.float32))
    pa.default_memory_pool().release_unused()
    if products.rows != counts.train:
        raise files_changed(table.source)
    mean, deviation = products.result()
    prepared = Prepared(
        release=store.new_version(),
        table=table,
        preprocessing=preprocessing,
        validation=parts.validation,
        test=parts.test,
        source=DataSource(
            source=table.source,
            fingerprint=decided.whole.content,
            rows=counts.rows - counts.without_target,
            train_rows=counts.train,
            validation_rows=len(parts.validation),
            test_rows=len(parts.test),
            seed=options.seed,
            rows_without_target=counts.without_target,
            missing_spellings=options.read.kept_missing,
            left_out=table.left_out,
            sampled_rows=sum(len(part) for part in (parts.train, parts.validation, parts.test)),
        ),
        target=target,
    )
    train = StreamedRows(
        path=spill_path(file),
        count=counts.train,
        columns=encoder.columns,
        mean=mean,
        deviation=deviation,
        class_counts=classes,
        chunk_rows=bounds.chunk_rows(encoder.columns),
        content=decided.whole.content,
    )
    return Learning(
        prepared=prepared,
        train=train,
        count=counts.train,
        target_scale=target_scale,
        seen=join_rows(take_rows(table, decided.split).train, parts.validation),  # each class has a row there
        baseline_bytes=bounds.baseline_bytes,
    )


def _seen(learnt: LearntColumns, parts: SplitRows) -> dict[str, Seen]:
    return {
        feature.name: _see(feature, learnt, parts.train.raw[:, place])
        for place, feature in enumerate(learnt.decided.features)
    }


def _see(feature: RawFeature, learnt: LearntColumns, drawn: NDArray[np.float64]) -> Seen:
    """Return what all training rows hold of a column. drawn: (n,) codes of those that were drawn."""
    trained = int(learnt.looked.target.parts[TRAIN])
    gaps = round(feature.missing_share * trained)
    if feature.kind == "category":
        words = learnt.looked.columns[feature.name].words
        assert words is not None
        return Seen(gaps=gaps, counts=np.array([words.train[level] for level in feature.levels]))
    if feature.kind == "boolean" and gaps:
        ones = learnt.count_ones(feature)
        zeros = trained - gaps - ones
        return Seen(median=0.5 if ones == zeros else float(ones > zeros), gaps=gaps)
    present = drawn[~np.isnan(drawn)]
    return Seen(median=float(np.median(present)) if len(present) else feature.minimum, gaps=gaps)
