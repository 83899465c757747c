"""What was decided about a table, for a reader: its columns, what is left out, what is suspicious, its size."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.contract.card import RawFeature
from training.columns.decided import DecidedTable
from training.columns.size import measure_table
from training.errors import quoted

WIDTH = 100
"""Columns of text where the output is no terminal."""
SHOWN_LEVELS = 4
LONGEST_NAME = 30


def show_table(decided: DecidedTable, *, most_features: int) -> None:
    """Print all that was decided. most_features: what `fit` allows."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = WIDTH
    for line in _head_lines(decided):
        console.print(Text(line))
    console.print(_columns_table(decided.features))
    for line in _warning_lines(decided):
        console.print(Text(line), soft_wrap=True)
    size = measure_table(decided.features, rows=decided.counts.train)
    console.print(Text(size.sentence))
    if size.features > most_features:
        console.print(Text(f"Warning: fit refuses more than {most_features:,} features (--most-features)."))


def _head_lines(decided: DecidedTable) -> list[str]:
    table = decided.table
    counts = decided.counts
    lines = [f"{table.source}: {table.found}; {counts.rows:,} rows of {len(table.columns):,} columns."]
    if decided.target is not None:
        lines.append(_target_line(decided))
    lines.append(
        f"Split: {counts.train:,} rows to train on, which decide the columns, {counts.validation:,} to choose "
        f"the epoch, {counts.test:,} held out."
    )
    if decided.whole is not None:
        drawn = decided.whole.drawn
        lines.append(
            f"Larger than --memory: epochs read it from the disk. {len(drawn.train):,}, {len(drawn.validation):,} and "
            f"{len(drawn.test):,} rows, drawn by chance, tell quantiles, leaks and repeated rows, choose the epoch, "
            "and are held out; counts and ranges are of all rows."
        )
    return lines


def _target_line(decided: DecidedTable) -> str:
    target = decided.target
    assert target is not None
    values = target.values[decided.split.train]
    line = f"Target {quoted(target.name)}: {target.task}, "
    if target.classes is None:
        line += f"{values.min():.6g} to {values.max():.6g}"
    else:
        counts = [int((values == place).sum()) for place in range(len(target.classes))]
        if decided.whole is not None:
            counts = list(decided.whole.class_counts)
        shares = [count / max(1, sum(counts)) for count in counts]
        line += _levels(list(target.classes), shares)
    if decided.counts.without_target:
        line += f"; {decided.counts.without_target:,} rows without it are dropped"
    return line + "."


def _columns_table(features: list[RawFeature]) -> Table:
    table = Table(title="Columns", title_justify="left")
    table.add_column("name", overflow="fold", max_width=LONGEST_NAME + 2)
    table.add_column("kind")
    table.add_column("missing", justify="right")
    table.add_column("levels or range", overflow="fold")
    table.add_column("becomes", overflow="fold")
    for feature in features:
        cells = (_cut(feature.name), feature.kind, _share(feature.missing_share), _values(feature), feature.becomes)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _warning_lines(decided: DecidedTable) -> list[str]:
    dropped = [f"{quoted(name)} is left out: --drop names it." for name in decided.dropped]
    left_out = [suspect.sentence for suspect in decided.suspects if suspect.left_out]
    return dropped + left_out + [f"Warning: {suspect.sentence}" for suspect in decided.suspects if not suspect.left_out]


def _values(feature: RawFeature) -> str:
    if feature.levels:
        return _levels(feature.levels, feature.level_shares)
    return "0, 1" if feature.kind == "boolean" else f"{feature.minimum:.6g} to {feature.maximum:.6g}"


def _levels(levels: list[str], shares: list[float]) -> str:
    """Name the commonest levels, those of equal share in their order."""
    ordered = sorted(zip(levels, shares, strict=True), key=lambda level: -level[1])
    shown = ", ".join(f"{_cut(level)} {_share(share)}" for level, share in ordered[:SHOWN_LEVELS])
    more = len(levels) - SHOWN_LEVELS
    return f"{shown}, {more:,} more" if more > 0 else shown


def _share(share: float) -> str:
    if share == 0:
        return "-"
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def _cut(text: str) -> str:
    shown = quoted(text)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 3]}..."
