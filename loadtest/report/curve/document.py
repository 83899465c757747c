"""The words and tables of a sweep's page, in their order."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.growth import Size
from loadtest.record.intervals import Interval
from loadtest.report.curve.costs import COSTS
from loadtest.report.curve.swept import Swept, sort_sweep
from loadtest.report.curve.words import (
    MEASURES,
    MEGABYTE,
    MILLISECOND,
    name_quality,
    write_estimate,
    write_quality,
    write_spread,
)
from loadtest.report.notes import Fact, Notice
from loadtest.report.table import Group, ReportTable, Row
from loadtest.report.wording import ABSENT, QUALITY_DECIMALS, Words, Written, brief, counted, fixed, join, number, say
from service.contract.curve import LATENCY_ROWS, Candidate, Choice, Curve, Law

NO_CHOICE = "No choice: {}."
POINT_COLUMNS = (
    "loss", "AUC", "weights", "bytes", "epoch, processor s", "epoch, wall s",
    "network, MB", "data, MB", "peak, MB", *(f"{counted(rows, 'row')}, ms" for rows in LATENCY_ROWS),
)  # fmt: skip
FASTER = {"train_seconds": "the training time", "network_memory_bytes": "the memory", "latency_seconds": "the latency"}


@dataclass(frozen=True)
class CurveDocument:
    """All that is said. command: trains and releases the choice; empty where there is none."""

    title: str
    headline: str
    more: tuple[Words, ...]
    command: str
    notices: tuple[Notice, ...]
    candidates: ReportTable
    candidate_notes: tuple[str, ...]
    laws: tuple[Fact, ...]
    law_table: ReportTable
    points: ReportTable
    failed: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    method: tuple[str, ...]
    footer: str


def compose_curve(curve: Curve) -> CurveDocument:
    """Put a sweep into words and tables."""
    swept = sort_sweep(curve)
    choice = curve.choice
    lacks = (curve.choice_lacks or "nothing was trained").rstrip(".")
    return CurveDocument(
        title=f"Curve of {curve.target}: {_say_grid(swept)}",
        headline=NO_CHOICE.format(lacks) if choice is None else choice.sentence,
        more=tuple(_compare_with_best(swept)),
        command="" if choice is None else choice.command,
        notices=tuple(_find_notices(swept)),
        candidates=_make_candidates(swept),
        candidate_notes=tuple(_say_candidates(swept)),
        laws=tuple(Fact(_name_law(law), law.sentence) for law in curve.laws),
        law_table=_make_laws(curve),
        points=_make_points(swept),
        failed=tuple(
            Fact(f"{point.name}, {point.rows:,} rows, seed {point.seed}", point.reason) for point in curve.failed
        ),
        facts=tuple(Fact(label, value) for label, value in _list_facts(swept)),
        method=tuple(_say_method(curve)),
        footer=_say_footer(curve),
    )


def _say_grid(swept: Swept) -> str:
    shapes = len({size.shape for size in swept.sizes})
    rows = sorted({size.rows for size in swept.sizes})
    seeds = max((size.seeds for size in swept.sizes), default=0)
    between = f"{rows[0]:,} rows" if len(rows) == 1 else f"{rows[0]:,} to {rows[-1]:,} rows" if rows else "no rows"
    return f"{_count(shapes, 'shape')}, {between}, {_count(seeds, 'seed')}"


def _count(number_of: int, what: str) -> str:
    return f"{number_of:,} {what}{'' if number_of == 1 else 's'}"


def _compare_with_best(swept: Swept) -> Iterator[Words]:
    chosen, best = swept.chosen, swept.best
    if chosen is None or best is None or chosen is best:
        return
    times = [
        f"{number(cost.mean(best) / cost.mean(chosen), 1)} times {FASTER[cost.key]}"
        for cost in COSTS.values()
        if cost.mean(chosen) > 0
    ]
    gained = number(best.quality.mean - chosen.quality.mean, QUALITY_DECIMALS, signed=True)
    yield say("{}, the best, buys {} {} for {}.", best.name, gained, swept.quality, join([*times]))


def _find_notices(swept: Swept) -> Iterator[Notice]:
    failed, points = len(swept.curve.failed), len(swept.curve.points)
    if failed:
        yield Notice("partial", f"{failed:,} of {failed + points:,} points without a figure, listed below.")
    disturbed = sum(size.disturbed for size in swept.sizes)
    if disturbed:
        yield Notice(
            "partial",
            f"something else took a part of the processors during {disturbed:,} of {points:,} points: their seconds "
            "are too long.",
        )


def _make_candidates(swept: Swept) -> ReportTable:
    choice = swept.curve.choice
    columns = ("", swept.quality, "behind", "at most", "weights", *(cost.column for cost in COSTS.values()))
    if choice is None:
        rows = [
            Row(_name(size), (write_quality(size.quality), ABSENT, ABSENT, *_write_price(size))) for size in swept.full
        ]
    else:
        by_shape = {size.shape: size for size in swept.full}
        rows = [_write_candidate(candidate, choice, by_shape.get(candidate.shape)) for candidate in choice.candidates]
    return ReportTable(tuple(map(Written, columns)), (Group("", tuple(rows)),))


def _write_price(size: Size) -> tuple[Written, ...]:
    return (Written(f"{size.weights:,}"), *(cost.write(size) for cost in COSTS.values()))


def _name(found: Size | Candidate) -> str:
    return f"{found.name} (linear)" if found.shape.depth == 0 else found.name


def _write_candidate(candidate: Candidate, choice: Choice, size: Size | None) -> Row:
    quality = Interval(candidate.quality.value, candidate.quality.low, candidate.quality.high)
    cells = (
        fixed(quality, QUALITY_DECIMALS),
        Written(number(candidate.behind, QUALITY_DECIMALS)),
        Written(number(candidate.behind_at_most, QUALITY_DECIMALS)),
        *((Written(f"{candidate.weights:,}"), *[ABSENT] * len(COSTS)) if size is None else _write_price(size)),
    )
    return Row(f"{_name(candidate)}{_judge(candidate, choice)}", cells)


def _judge(candidate: Candidate, choice: Choice) -> str:
    words = [word for word, shape in (("chosen", choice.chosen), ("best", choice.best)) if candidate.shape == shape]
    if not words and candidate.behind_at_most <= choice.margin:
        words = ["near enough"]
    return "".join(f", {word}" for word in words)


def _say_candidates(swept: Swept) -> Iterator[str]:
    choice = swept.curve.choice
    if choice is not None:
        yield (
            f"Behind: what it lacks to the best, and at most so much with 95 % confidence, corrected for the "
            f"{len(choice.candidates)} that were looked at; up to {choice.margin:g} is near enough."
        )
        yield f"{swept.quality[0].upper()}{swept.quality[1:]}: with its 95 % interval."
    yield "Costs: the mean of the seeds, [lowest, highest]."


def _name_law(law: Law) -> str:
    return f"{MEASURES[law.of][0].partition(',')[0].capitalize()} against {law.against}, {law.held}"


def _make_laws(curve: Curve) -> ReportTable:
    columns = ("", "sizes", "floor", "exponent", "at the largest", "at ten times")
    rows = tuple(Row(f"{_name_law(law)}{_unit(law)}", _write_law(law)) for law in curve.laws)
    return ReportTable(tuple(map(Written, columns)), (Group("", rows),))


def _unit(law: Law) -> str:
    _, comma, unit = MEASURES[law.of][0].partition(", ")
    return f" ({unit})" if comma else ""


def _write_law(law: Law) -> tuple[Written, ...]:
    factor = MEASURES[law.of][1]
    return (
        Written(f"{law.sizes:,}"),
        ABSENT if law.floor is None else write_estimate(law.floor, factor),
        ABSENT if law.exponent is None else fixed(Interval(law.exponent.value, law.exponent.low, law.exponent.high), 2),
        ABSENT if law.at_largest is None else Written(brief(law.at_largest * factor)),
        ABSENT if law.at_ten_times is None else write_estimate(law.at_ten_times, factor),
    )


def _make_points(swept: Swept) -> ReportTable:
    columns = ("", "rows", "seeds", swept.quality, *POINT_COLUMNS)
    groups = tuple(
        Group(name, tuple(Row(size.name, _write_point(size)) for size in sizes))
        for _, name, sizes in swept.by_depth(swept.sizes)
    )
    return ReportTable(tuple(map(Written, columns)), groups)


def _write_point(size: Size) -> tuple[Written, ...]:
    return (
        Written(f"{size.rows:,}"),
        Written(f"{size.seeds:,}"),
        write_quality(size.quality),
        write_spread(size.loss),
        ABSENT if size.auc is None else write_quality(size.auc),
        Written(f"{size.weights:,}"),
        Written(f"{size.bytes:,}"),
        write_spread(size.processor_seconds),
        write_spread(size.wall_seconds),
        write_spread(size.network_bytes, MEGABYTE),
        write_spread(size.data_bytes, MEGABYTE),
        write_spread(size.peak_bytes, MEGABYTE),
        *(write_spread(size.latency[rows], MILLISECOND) for rows in LATENCY_ROWS),
    )


def _list_facts(swept: Swept) -> Iterator[tuple[str, str]]:
    curve = swept.curve
    yield "Table", f"{curve.source}, fingerprint {curve.fingerprint}"
    yield "Task", f"{curve.task} of {curve.target}"
    yield "Held-out rows", f"{curve.test_rows:,}"
    if curve.best_possible_accuracy is not None:
        yield "Best possible accuracy", number(curve.best_possible_accuracy, QUALITY_DECIMALS)
    yield "Points", f"{len(curve.points):,}, and {len(curve.failed):,} without a figure"
    threads = sorted({point.threads for point in curve.points})
    yield "Threads in training", ", ".join(map(str, threads)) or "-"
    yield "Processor", curve.machine.model
    yield "Processors", str(curve.machine.processors)
    yield "Versions", _versions(curve)


def _versions(curve: Curve) -> str:
    return ", ".join(
        f"{name} {version}" for name, version in {"archscale": curve.version, **curve.machine.versions}.items()
    )


def _say_method(curve: Curve) -> Iterator[str]:
    yield (
        f"Every point is one network, trained anew from one seed and asked for {curve.test_rows:,} rows that it did "
        f"not learn from. {name_quality(curve.task).capitalize()} is the mean over the seeds."
    )
    yield "Seconds are those of an epoch, the median of a training's; processor seconds add up all threads."
    yield (
        "Memory of the network is what grows with it: weights, gradients, the optimizer's and the average's copies, "
        "activations; without what the libraries and the data take."
    )
    yield "Latency is the median of ONNX Runtime on one thread, without HTTP, encoding and waiting."
    yield "A front holds the shapes that no other beats in both quality and a cost."
    yield (
        "A law is a floor and a power of the size, floor + coefficient x size ^ exponent, with 95 % intervals; it is "
        "not stated where it does not fit."
    )


def _say_footer(curve: Curve) -> str:
    machine = curve.machine
    return f"{curve.source}; {machine.model}, {machine.processors} processors; {_versions(curve)}"
