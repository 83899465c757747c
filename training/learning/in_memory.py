"""Learn from rows that lie in memory."""

import numpy as np

from service.contract.card import DataSource
from training import store
from training.artefacts import Prepared
from training.columns.data import DataTable, best_possible_accuracy, fingerprint
from training.columns.split import SplitRows
from training.learning.learning import Learning, join_rows, make_target, scale_rows
from training.options import TrainingOptions
from training.preprocessing import fit_preprocessing
from training.process import TargetScale


def learn_in_memory(table: DataTable, parts: SplitRows, options: TrainingOptions) -> Learning:
    """Fit the preprocessing on the training rows, and scale these."""
    values = parts.train.target
    target = make_target(
        table,
        deviation=float(values.std()),
        shares=[float(np.mean(values == place)) for place in range(len(table.classes or ()))],
    )
    prepared = Prepared(
        release=store.new_version(),
        table=table,
        preprocessing=fit_preprocessing(parts.train.raw, table.columns, complete=not np.isnan(table.raw).any()),
        validation=parts.validation,
        test=parts.test,
        source=DataSource(
            source=table.source,
            fingerprint=fingerprint(table),
            rows=table.held_out or len(table.target),
            train_rows=len(parts.train),
            validation_rows=len(parts.validation),
            test_rows=len(parts.test),
            seed=options.seed,
            best_possible_accuracy=best_possible_accuracy(table),
            rows_without_target=table.rows_without_target,
            missing_spellings=options.read.kept_missing,
            left_out=table.left_out,
        ),
        target=target,
    )
    target_scale = TargetScale(mean=float(values.mean()) if table.task == "regression" else 0.0, scale=target.scale)
    return Learning(
        prepared=prepared,
        train=scale_rows(prepared.preprocessing, parts.train, target_scale),
        count=len(parts.train),
        target_scale=target_scale,
        seen=join_rows(parts.train, parts.validation),  # baselines choose nothing by validation
        baseline_bytes=options.memory,
    )
