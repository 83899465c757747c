"""The command line that trains and releases one shape of a sweep: what the user said of the table, and the shape."""

import shlex

from service.contract.curve import Shape
from training.options import TrainingOptions, parse_options
from training.table.memory import UNITS


def release_command(options: TrainingOptions, shape: Shape) -> str:
    """Return it, as a shell takes it. options: of the sweep."""
    words = ["python", "-m", "training"]
    read, columns = options.read, options.columns
    usual = _single(parse_options([]))
    words += [f"{option}={value}" for option, value in _single(options).items() if value != usual[option]]
    several = {
        "--missing": read.missing,
        "--drop": columns.drop,
        "--category": columns.category,
        "--numeric": columns.numeric,
    }
    for option, values in several.items():
        words += [f"{option}={value}" for value in values]
    words += [] if read.header else ["--no-header"]
    return shlex.join([*words, "--architecture", f"chosen={shape}"])


def _single(options: TrainingOptions) -> dict[str, object]:
    """Options that are given but once."""
    return {
        "--data": options.data,
        "--target": options.target,
        "--task": options.task,
        "--separator": options.read.separator,
        "--decimal": options.read.decimal,
        "--encoding": options.read.encoding,
        "--epochs": options.epochs,
        "--batch-size": options.batch_size,
        "--learning-rate": options.learning_rate,
        "--seed": options.seed,
        "--test-fraction": options.test_fraction,
        "--most-features": options.most_features,
        "--memory": f"{options.memory / UNITS['MB']:.9g}MB",
    }
