"""The default table: a compressor station whose true alarm probability is known, so that the best accuracy is too."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.columns.codes import describe_numbers
from training.columns.data import DataTable
from training.columns.split import split_target

TRAINING_ROWS = 10_000
HELD_OUT_ROWS = 20_000
"""More rows can be generated, so more are held out: accuracy then has a standard error below 0.002."""
SOURCE = "generated"
CLASSES = ("no", "yes")
SHARPNESS = 16.0
"""Logits per unit of the score: puts the best possible accuracy near 0.98."""


@dataclass(frozen=True)
class Sensor:
    """A column: ``centre + spread * u`` in its unit, where u has mean 0 and deviation about 1."""

    name: str
    shape: Literal["normal", "uniform", "skewed"]
    centre: float
    spread: float


SENSORS = (
    Sensor("inlet_temperature_k", "normal", 288.0, 6.0),
    Sensor("shaft_speed_rpm", "uniform", 9_200.0, 450.0),
    Sensor("reference_resistance_ohm", "skewed", 1_000.0, 0.001),
    Sensor("inlet_pressure_pa", "normal", 101_325.0, 900.0),
    Sensor("supply_voltage_v", "uniform", 400.0, 9.0),
    Sensor("particles_per_litre", "skewed", 3_500.0, 1_200.0),
    Sensor("crank_phase_rad", "normal", 0.0, 1.0),
    Sensor("valve_phase_rad", "uniform", 0.0, 1.0),
    Sensor("seal_gap_um", "skewed", 45.0, 12.0),
    Sensor("journal_offset_um", "normal", 0.0, 8.0),
    Sensor("guide_vane_angle_deg", "uniform", 12.0, 7.0),
    Sensor("oil_flow_l_per_min", "skewed", 26.0, 5.0),
    Sensor("mains_frequency_hz", "normal", 50.0, 0.02),
    Sensor("started_at_s", "uniform", 1_700_000_000.0, 1_000.0),
    Sensor("hours_since_service", "skewed", 1_100.0, 500.0),
    Sensor("cooling_water_k", "normal", 291.0, 3.0),
    Sensor("filter_pressure_drop_pa", "uniform", 240.0, 60.0),
    Sensor("moisture_fraction", "skewed", 0.004, 0.0015),
    Sensor("casing_strain", "normal", 0.0, 2.5e-5),
    Sensor("leak_rate_kg_per_s", "uniform", 0.03, 0.008),
)


def generate_table(*, seed: int, rows: int = TRAINING_ROWS) -> DataTable:
    """Return ``rows`` rows to learn from, then 20,000 held out, with each row's true probability.

    Of one seed the held-out rows are the same whatever ``rows`` is, and fewer rows are the first of more.
    """
    raw, target, probability = (part[_chosen(rows)] for part in _draw_rows(seed, rows=rows))
    split = split_target(
        target,
        classes=CLASSES,
        source=SOURCE,
        test_fraction=HELD_OUT_ROWS / len(target),
        seed=seed,
        held_out=rows,
    )
    return DataTable(
        source=SOURCE,
        columns=[describe_numbers(sensor.name, raw[split.train, place]) for place, sensor in enumerate(SENSORS)],
        raw=raw,
        target_name="alarm",
        target=target,
        task="classification",
        classes=CLASSES,
        held_out=rows,
        probability=probability,
    )


def _draw_rows(seed: int, *, rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Raw values (n, 20), target (n,) and its probability (n,): 10,000 rows, the held-out ones, and what lacks."""
    drawn = [_draw_block(np.random.default_rng(seed), rows=TRAINING_ROWS + HELD_OUT_ROWS)]
    for block in range(1, math.ceil(rows / TRAINING_ROWS)):
        drawn.append(_draw_block(np.random.default_rng([seed, block]), rows=TRAINING_ROWS))
    raw, target, probability = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return raw, target, probability


def _chosen(rows: int) -> NDArray[np.int64]:
    """Places of the ``rows`` rows to learn from, then of those held out, in what was drawn."""
    held_out = np.arange(TRAINING_ROWS, TRAINING_ROWS + HELD_OUT_ROWS)
    more = TRAINING_ROWS + HELD_OUT_ROWS + np.arange(max(0, rows - TRAINING_ROWS))
    return np.concatenate([np.arange(min(rows, TRAINING_ROWS)), more, held_out])


def _draw_block(
    rng: np.random.Generator, *, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    deviations = np.column_stack([_draw(sensor, rows=rows, rng=rng) for sensor in SENSORS])
    probability = 1 / (1 + np.exp(-SHARPNESS * _score(deviations)))
    raw = deviations * [sensor.spread for sensor in SENSORS] + [sensor.centre for sensor in SENSORS]
    return raw, (rng.uniform(size=rows) < probability).astype(np.float64), probability


def _draw(sensor: Sensor, *, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(rows,) float64 of mean 0 and deviation about 1."""
    if sensor.shape == "normal":
        return rng.normal(size=rows)
    if sensor.shape == "uniform":
        return rng.uniform(-1.7, 1.7, size=rows)
    return rng.gamma(shape=4.0, scale=0.5, size=rows) - 2.0


def _score(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 20) -> (n,): five oscillations, each in a direction of its own across two or three columns.

    The degree-2 products reach the first bend of each; the rest takes a network, and the more of them there are to be
    told apart the more its size is worth. Nothing here is linear.
    """
    valves = np.sin(u[:, 6] - u[:, 7] + 0.5 * u[:, 15])
    clearances = np.sin(u[:, 8] + u[:, 9] + 0.5 * u[:, 10])
    surge = np.sin(u[:, 0] - u[:, 1] + 0.5 * u[:, 16])
    drive = np.sin(u[:, 3] - u[:, 4])
    fouling = np.sin(u[:, 5] - u[:, 12])
    score: NDArray[np.float64] = valves + clearances + surge + drive + fouling
    return score
