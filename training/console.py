"""What a training run shows: how far it is, then what it found. Imports nothing that takes seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.contract.card import CalibrationBin, EpochTrace, Metrics
from training.architectures import Architecture
from training.options import TrainingOptions
from training.summary import NetworkSummary, TrainingSummary

SHOWN_EPOCHS = 5
"""Rows of the training trace: the first epoch, the last, and what lies evenly between."""
MEGABYTE = 1e6
SECONDS_BETWEEN_LINES = 10.0
"""A log gets no more lines than this of an architecture's epochs: some hundred in an hour."""


class RunProgress:
    """Shows how far a run is: bars on standard error where that is a terminal, else lines on standard output."""

    def __init__(self, options: TrainingOptions) -> None:
        self.epochs = options.epochs
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self.bars = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
        self.stage_bar = self.bars.add_task("", total=None, note="")
        self.network_bars = {
            architecture.name: self.bars.add_task(architecture.name, total=self.epochs, note="")
            for architecture in options.architectures
        }
        self.last_line = 0.0

    def show_stage(self, stage: str) -> None:
        """Say what begins, such as 'fitting the baselines'."""
        self.bars.update(self.stage_bar, description=stage)
        self._print_line(f"{stage} ...")

    def show_epoch(self, architecture: Architecture, entry: EpochTrace) -> None:
        """Say that an epoch has ended: each on a terminal, the last and those some seconds apart elsewhere."""
        note = f"epoch {entry.epoch} of {self.epochs}, loss {entry.validation_loss:.3f}"
        self.bars.update(self.network_bars[architecture.name], advance=1, note=note)
        if entry.epoch == self.epochs or time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._print_line(f"{architecture.name}: {note}")

    def _print_line(self, line: str) -> None:
        if self.bars.disable:
            print(line, flush=True)
            self.last_line = time.monotonic()


@contextmanager
def show_training(options: TrainingOptions) -> Iterator[RunProgress]:
    """Say at once what is going to be trained, then show how far it is."""
    names = [f"{shape.name} ({_layers(shape)})" for shape in options.architectures]
    table = f"{options.data}, to predict '{options.target}'" if options.data else "a generated table"
    print(f"Training {' and '.join(names)} for {options.epochs} epochs on {table}.", flush=True)
    progress = RunProgress(options)
    with progress.bars:
        yield progress
        progress.bars.update(progress.stage_bar, visible=False)


def _layers(shape: Architecture) -> str:
    return f"{shape.depth} layers of {shape.width}" if shape.depth else "linear"


def show_summary(summary: TrainingSummary) -> None:
    """Print everything that the run found."""
    console = Console(highlight=False)
    console.print(_data_lines(summary))
    for name, architecture in summary.architectures.items():
        console.print(_trace_table(name, architecture))
    console.print(_comparison_table(summary))
    for line in _cost_lines(summary):
        console.print(line)
    for line in _difference_lines(summary):
        console.print(line)
    if summary.data.task == "classification":
        console.print(_calibration_table(summary))
    console.print(_baseline_table(summary))
    console.print(f"Saved release [bold]{summary.release}[/bold]. Serve it with: bentoml serve")


def _data_lines(summary: TrainingSummary) -> str:
    data = summary.data
    lines = [
        f"Data: {data.source}, {data.rows:,} rows of {data.raw_features} raw columns ({data.features} features); "
        f"{data.task} of '{data.target}'{_classes(summary)}.",
        f"Split: {data.train_rows:,} rows to train on, {data.validation_rows:,} to choose the epoch, "
        f"{data.test_rows:,} held out; seed {summary.seed}.",
    ]
    if data.sampled_rows is not None:
        lines.append(
            "Larger than --memory: epochs read it from the disk. Of the rows to choose the epoch and of those held "
            f"out, {data.validation_rows:,} and {data.test_rows:,} were drawn by chance."
        )
    if data.best_possible_accuracy is not None:
        lines.append(f"Best possible accuracy on the held-out rows: {data.best_possible_accuracy:.4f}.")
    return "\n".join(lines)


def _classes(summary: TrainingSummary) -> str:
    data = summary.data
    if data.positive_class is not None:
        return f", positive class '{data.positive_class}'"
    return f" into {len(data.classes)} classes" if data.classes else ""


def _trace_table(name: str, architecture: NetworkSummary) -> Table:
    table = Table(title=f"Training trace: {name} ({architecture.depth} x {architecture.width})", title_justify="left")
    regression = architecture.test.r2 is not None
    for heading in ("epoch", "train loss", "val. loss", "val. R2" if regression else "val. accuracy"):
        table.add_column(heading, justify="right")
    table.add_column("observation")
    for entry in _evenly(architecture.trace):
        quality = entry.validation_r2 if regression else entry.validation_accuracy
        table.add_row(
            str(entry.epoch),
            f"{entry.train_loss:.4f}",
            f"{entry.validation_loss:.4f}",
            f"{quality:.4f}",
            entry.observation,
        )
    return table


def _evenly(trace: list[EpochTrace]) -> list[EpochTrace]:
    """Epochs 1, 5, 10, 15, 20 of twenty; the like of any other number."""
    last = len(trace)
    chosen = {1, last} | {round(last * part / (SHOWN_EPOCHS - 1)) for part in range(1, SHOWN_EPOCHS)}
    return [entry for entry in trace if entry.epoch in chosen]


def _comparison_table(summary: TrainingSummary) -> Table:
    table = Table(title="Comparison", title_justify="left")
    table.add_column("")
    for name in summary.architectures:
        table.add_column(name, justify="right")
    first, *others = summary.architectures
    for name in others:
        table.add_column(f"{name} / {first}", justify="right")
    for label, show, value in _rows(summary):
        values = [value(architecture) for architecture in summary.architectures.values()]
        ratios = [f"{other / values[0]:.2f}" if values[0] and other is not None else "-" for other in values[1:]]
        table.add_row(label, *("-" if number is None else show.format(number) for number in values), *ratios)
    return table


Value = Callable[[NetworkSummary], float | None]
"""None where it is not defined."""


def _rows(summary: TrainingSummary) -> list[tuple[str, str, Value]]:
    """Label, format and value of each line of the comparison."""
    cost: list[tuple[str, str, Value]] = [
        ("weights and biases", "{:,.0f}", lambda network: network.parameters),
        ("bytes of the graph", "{:,.0f}", lambda network: network.bytes),
        ("seconds an epoch", "{:.3f}", lambda network: _typical(network, "wall_seconds")),
        ("of processors", "{:.3f}", lambda network: _typical(network, "processor_seconds")),
        ("seconds in all", "{:.2f}", lambda network: network.train_seconds),
        ("of processors", "{:.2f}", lambda network: network.processor_seconds),
        ("threads", "{:.0f}", lambda network: network.threads),
        ("peak memory, MB", "{:.1f}", lambda network: network.peak_memory_bytes / MEGABYTE),
        ("of the network", "{:.1f}", lambda network: (network.network_memory_bytes or 0) / MEGABYTE),
    ]
    quality: list[tuple[str, str, Value]] = [
        (f"held-out {label}", "{:.4f}", lambda network, name=name: getattr(network.test, name))  # type: ignore[misc]
        for name, label in _metric_labels(summary).items()
    ]
    if len(summary.data.classes) == 2:
        quality.append(("recommended threshold", "{:.4f}", lambda network: network.threshold))
    return cost + quality


def _typical(network: NetworkSummary, name: str) -> float | None:
    """Median over epochs: one that was disturbed does not move it."""
    seconds = [getattr(entry, name) for entry in network.trace]
    return None if None in seconds else median(seconds)


def _cost_lines(summary: TrainingSummary) -> Iterator[str]:
    """How many times the first one's seconds each other takes, and whose seconds are in doubt."""
    from training.cost.ratio import compare_epochs

    seconds = {
        name: [entry.processor_seconds or 0.0 for entry in network.trace]
        for name, network in summary.architectures.items()
    }
    first, *others = seconds
    for name in others:
        ratio = compare_epochs(seconds[name], seconds[first])
        if ratio is not None:
            yield (
                f"{name} takes {ratio.value:.2f} times the processor seconds of {first} for an epoch "
                f"(95 % interval {ratio.low:.2f} to {ratio.high:.2f}, over its {len(seconds[name])} epochs)."
            )
    for name, network in summary.architectures.items():
        if network.disturbed:
            yield f"Something else wanted the processors while {name} trained: its seconds on the wall are too many."


def _metric_labels(summary: TrainingSummary) -> dict[str, str]:
    if summary.data.task == "regression":
        return {"loss": "loss", "r2": "R2", "rmse": "RMSE"}
    return {"loss": "log loss", "accuracy": "accuracy", "auc": "AUC", "brier": "Brier score"}


def _calibration_table(summary: TrainingSummary) -> Table:
    """For each bin of probability what was said and what came true, with the number of rows."""
    table = Table(title="Calibration: said / came true (held-out rows), by probability", title_justify="left")
    table.add_column("probability")
    shown = {name: network.calibration for name, network in summary.architectures.items() if network.calibration}
    for name in shown:
        table.add_column(name, justify="right")
    for bins in zip(*(calibration.bins for calibration in shown.values()), strict=True):
        table.add_row(f"{bins[0].low:.1f} to {bins[0].high:.1f}", *map(_calibration_cell, bins))
    table.add_section()
    table.add_row("expected error", *(f"{calibration.error:.4f}" for calibration in shown.values()))
    return table


def _calibration_cell(entry: CalibrationBin) -> str:
    return f"{entry.predicted:.3f} / {entry.observed:.3f} ({entry.rows:,})" if entry.rows else "-"


def _difference_lines(summary: TrainingSummary) -> list[str]:
    quality = "negative squared error" if summary.data.task == "regression" else "accuracy"
    return [
        f"{name} less {gap.best}, {quality}: {gap.mean:+.4g} (95 % interval {gap.low:+.4g} to {gap.high:+.4g}, paired "
        f"over {summary.data.test_rows:,} rows): {_verdict(name, gap.best, low=gap.low, high=gap.high)}"
        for name, gap in summary.differences.items()
    ]


def _verdict(name: str, best: str, *, low: float, high: float) -> str:
    return "no difference shown." if low <= 0 <= high else f"{best} is better than {name}."


def _baseline_table(summary: TrainingSummary) -> Table:
    table = Table(title="Is a network needed at all? Baselines on the same held-out rows", title_justify="left")
    table.add_column("")
    labels = _metric_labels(summary)
    for label in (*labels.values(), "seconds"):
        table.add_column(label, justify="right")
    for name, baseline in summary.baselines.items():
        fitted = "" if baseline.train_rows is None else f" ({baseline.train_rows:,} rows)"
        table.add_row(name + fitted, *_metric_cells(baseline.test, labels), f"{baseline.train_seconds:.2f}")
    for name, architecture in summary.architectures.items():
        table.add_row(
            name, *_metric_cells(architecture.test, labels), f"{architecture.train_seconds:.2f}", style="bold"
        )
    return table


def _metric_cells(metrics: Metrics, labels: dict[str, str]) -> list[str]:
    """Return a metric that is not defined, as an AUC where a class has no held-out row, as '-'."""
    values = [getattr(metrics, name) for name in labels]
    return ["-" if value is None else f"{value:.4f}" for value in values]
