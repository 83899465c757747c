"""From what was read to what is trained on: rows with a target, their split, columns decided on the training rows.

The same for `fit` and `inspect`, which codes no matrix: a column at a time is held beside the table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.card import ColumnKind, RawFeature
from training.columns.codes import as_numbers, code_column
from training.columns.data import DataTable
from training.columns.decided import DROPPED, DecidedTable
from training.columns.digits import first_rounded
from training.columns.facts import ColumnFacts
from training.columns.kinds import decide_kind
from training.columns.split import Split, split_target
from training.columns.suspects.leaks import choose_rows, find_leak
from training.columns.suspects.levels import find_odd_levels
from training.columns.suspects.suspect import (
    Duplicates,
    RepeatedRows,
    Suspect,
    canonical,
    find_narrow,
    find_nothing,
    find_outlier,
    find_small_classes,
    find_unseen,
)
from training.columns.target import DecidedTarget, decide_target
from training.columns.words import read_words
from training.errors import UserError, quoted, write_option
from training.options import TaskChoice
from training.table.values import ColumnOptions, ColumnValues, ReadTable

Splitter = Callable[[DecidedTarget | None, NDArray[np.int64]], Split]
"""Splits the rows of a table that have a target: (m,) int64 in the table, by their places among these."""
SMALL_CLASS_SHARE = 0.01


def decide_table(
    table: ReadTable,
    *,
    target: str | None,
    task: TaskChoice,
    options: ColumnOptions,
    split_rows: Splitter,
    count_facts: Callable[..., ColumnFacts] = ColumnFacts,
) -> DecidedTable:
    """Decide everything. target: None where it is not known yet. Raise UserError with one line for the first fault."""
    _check_names(table, target=target, options=options)
    goal = None
    rows = np.arange(table.rows)
    if target is not None:
        column = next(column for column in table.columns if column.name == target)
        goal = decide_target(column, table=table, task=task, options=options)
        rows = goal.rows
    split = split_rows(goal, rows)
    facts = count_facts(table, rows=rows, train_rows=rows[split.train])
    features, suspects = _Columns(table, goal, rows, split, options, facts).decide()
    if not features:
        raise UserError(
            f"{table.source}: a table must have a column to learn from, however: all {len(table.columns)} are the "
            "target or left out. Add columns."
        )
    dropped = [column.name for column in table.columns if column.name in options.drop]
    return DecidedTable(table, goal, rows, split, features, dropped, suspects)


def split_at_random(*, source: str, test_fraction: float, seed: int) -> Splitter:
    """Make a splitter by ``split_target``."""

    def split_rows(target: DecidedTarget | None, rows: NDArray[np.int64]) -> Split:
        return split_target(
            np.zeros(len(rows)) if target is None else target.values,
            classes=None if target is None else target.classes,
            source=source,
            test_fraction=test_fraction,
            seed=seed,
        )

    return split_rows


def code_table(decided: DecidedTable) -> DataTable:
    """Code every used column: (m, d) float64. The table has a target."""
    table, goal = decided.table, decided.target
    if goal is None:
        raise ValueError("a table is coded for a target, however: it was decided without one")
    columns = {column.name: column for column in table.columns}
    raw = np.empty((len(decided.rows), len(decided.features)))
    for place, feature in enumerate(decided.features):
        raw[:, place] = code_column(columns[feature.name], feature, decimal=table.decimal)[decided.rows]
    return DataTable(
        source=table.source,
        columns=decided.features,
        raw=raw,
        target_name=goal.name,
        target=goal.values,
        task=goal.task,
        classes=goal.classes,
        rows_without_target=decided.rows_without_target,
        left_out=decided.left_out,
    )


@dataclass(frozen=True)
class _Columns:
    """Decides one column after the other."""

    table: ReadTable
    target: DecidedTarget | None
    rows: NDArray[np.int64]
    split: Split
    options: ColumnOptions
    facts: ColumnFacts

    def decide(self) -> tuple[list[RawFeature], list[Suspect]]:
        features: list[RawFeature] = []
        suspects: list[Suspect] = []
        duplicates, repeated = Duplicates(), RepeatedRows(len(self.rows))
        for column in self.table.columns:
            if column.name in self.options.drop or (self.target is not None and column.name == self.target.name):
                continue
            suspect = self._find_useless(column)
            if suspect is None:
                kind = self._decide_kind(column)
                suspect = self._find_no_number(column, kind)
            if suspect is None:
                feature = self.facts.describe(column, kind)
                codes = canonical(code_column(column, feature, decimal=self.table.decimal)[self.rows])
                suspect = find_nothing(feature, codes[self.split.train]) or duplicates.find(
                    feature, self.facts.content(feature, codes)
                )
            if suspect is not None:
                suspects.append(suspect)
                continue
            features.append(feature)
            suspects += self._warn(column, feature, codes)
            repeated.add(codes)
        return features, suspects + self._warn_of_rows(repeated)

    @property
    def _train_rows(self) -> NDArray[np.int64]:
        """Places of the training rows in the file."""
        return self.rows[self.split.train]

    def _find_useless(self, column: ColumnValues) -> Suspect | None:
        overruled = column.name in (*self.options.category, *self.options.numeric)
        suspect = None if overruled else self.facts.find_row_number(column)
        if suspect is not None:
            return suspect
        numbers = column.numbers
        present = read_words(column.words).positions >= 0 if numbers is None else ~np.isnan(numbers)
        if not present[self._train_rows].any():
            return Suspect(column.name, "no value", "has no value in any training row")
        return None

    def _decide_kind(self, column: ColumnValues) -> ColumnKind:
        return decide_kind(column, table=self.table, rows=self._train_rows, options=self.options)

    def _find_no_number(self, column: ColumnValues, kind: ColumnKind) -> Suspect | None:
        if kind == "number" and np.isnan(as_numbers(column, decimal=self.table.decimal)[self._train_rows]).all():
            return Suspect(column.name, "no value", "has no number in any training row")
        return None

    def _warn(self, column: ColumnValues, feature: RawFeature, codes: NDArray[np.float64]) -> list[Suspect]:
        """Return warnings of a column that is kept. codes: (m,) of all rows with a target."""
        train = self.split.train
        gaps, unknown = self.facts.count_unseen(feature, codes)
        found = [find_narrow(feature), find_outlier(feature, codes[train])]
        found.append(find_unseen(feature, gaps=gaps, unknown=unknown))
        if feature.kind == "category":
            found += find_odd_levels(
                feature.name,
                feature.levels,
                shares=feature.level_shares,
                decimal=self.table.decimal,
                overruled=feature.name in self.options.category,
            )
        if self.target is not None:
            looked_at = choose_rows(train)
            found.append(
                find_leak(feature, codes[looked_at], self.target.values[looked_at], classes=self.target.classes)
            )
        if feature.kind == "number" and (words := self.facts.count_words(column, codes)):
            found.append(Suspect(column.name, "words", f"has words in {words:,} rows, which count as missing"))
        if column.padded_row is not None and column.name not in self.options.numeric:
            place = self.table.place(column.padded_row)
            text = f"has zeros in front of its numbers ({place}), which are lost: where they are codes, give"
            found.append(Suspect(column.name, "padded", f"{text} {write_option('--category', column.name)}"))
        if feature.kind == "number" and first_rounded(codes) is not None:
            text = "holds whole numbers beyond 2**53, which lose their last digits"
            found.append(Suspect(column.name, "rounded", text))
        return [suspect for suspect in found if suspect is not None]

    def _warn_of_rows(self, repeated: RepeatedRows) -> list[Suspect]:
        if self.target is None:
            return []
        repeated.add(canonical(self.target.values))
        found = self.facts.find_repeated_rows(repeated, self.split)
        rows = [] if found is None else [found]
        if self.target.classes is None:
            return rows
        rows += find_odd_levels(None, self.target.classes, decimal=self.table.decimal)
        counts = self.facts.count_classes(self.target, self.split)
        return rows + find_small_classes(counts, self.target.classes, share=SMALL_CLASS_SHARE)


def _check_names(table: ReadTable, *, target: str | None, options: ColumnOptions) -> None:
    names = [column.name for column in table.columns]
    chosen = {DROPPED: options.drop, "--category": options.category, "--numeric": options.numeric}
    named = [("--target", target)] if target is not None else []
    for option, name in named + [(option, name) for option, given in chosen.items() for name in given]:
        if name not in names:
            raise UserError(
                f"{table.source}: {option} must name a column, however: {quoted(name)} is none of "
                f"{', '.join(quoted(known) for known in names)}. Choose one of these{_above_header(table, name)}."
            )
    if target is not None and target in options.drop:
        raise UserError(f"--drop must not name the target, however: {quoted(target)}. Leave it out.")
    if target is not None and len(names) == 1:
        raise UserError(
            f"{table.source}: a table must have a column beside its target, however: {quoted(target)} is the only one. "
            "Add columns, or give --separator if it has more."
        )


def _above_header(table: ReadTable, name: str) -> str:
    """Return a remedy where the first row holds a name that no column has: its line may be the header."""
    first = [column.words[0].as_py() for column in table.columns if column.words is not None]
    return f", or delete what stands above {table.place(0)} if that is the header" if name in first else ""
