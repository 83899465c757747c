"""The command line that trains and releases one shape of a sweep: what the user said of the table, and the shape."""

import shlex

from service.contract.curve import Shape
from training.options import TrainingOptions

DEFAULT_EPOCHS = 20


def release_command(options: TrainingOptions, shape: Shape) -> str:
    """Return it, as a shell takes it. options: of the sweep."""
    words = ["python", "-m", "training"]
    read, columns = options.read, options.columns
    single = {
        "--data": options.data,
        "--target": options.target,
        "--task": None if options.task == "auto" else options.task,
        "--separator": read.separator,
        "--decimal": read.decimal,
        "--encoding": read.encoding,
        "--epochs": None if options.epochs == DEFAULT_EPOCHS else options.epochs,
        "--batch-size": options.batch_size,
        "--learning-rate": options.learning_rate,
    }
    words += [f"{option}={value}" for option, value in single.items() if value is not None]
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
