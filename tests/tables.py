"""Tables that come inside scikit-learn, written as the CSV files that a user would have."""

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_diabetes


def write_cancer(path: Path) -> Path:
    """569 rows of 30 numeric columns and a diagnosis in words."""
    bunch = load_breast_cancer()
    return _write(path, [*bunch.feature_names, "diagnosis"], bunch.data, [bunch.target_names[i] for i in bunch.target])


def write_diabetes(path: Path) -> Path:
    """442 rows of 10 numeric columns and the disease's progression, a number."""
    bunch = load_diabetes()
    return _write(path, [*bunch.feature_names, "progression"], bunch.data, bunch.target)


def _write(path: Path, header: list[str], rows: object, target: object) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([*row, value] for row, value in zip(rows, target, strict=True))  # type: ignore[call-overload]
    return path
