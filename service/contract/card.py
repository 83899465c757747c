"""ModelCard: what training learnt and the service must know, one file beside each network in the store."""

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.contract.names import ArchitectureName, Task
from service.contract.policies import UNKNOWN_CODE

CARD_FORMAT = 2
"""Of the cards that are written now. 1, which named no format, is read too: what it lacks has a default."""

ColumnKind = Literal["number", "boolean", "category"]
Cell = float | bool | str | None
"""A raw value as people write it in JSON: null where it is missing."""


class Frozen(BaseModel):
    """A record that does not change once it is made, and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RawFeature(Frozen):
    """A raw column as it was in the training split.

    What the graphs take for it is one float64: a number in its natural unit, 0 or 1 for a boolean, the code of its
    level for a category (``UNKNOWN_CODE`` for one that training never saw), NaN where it is missing.
    """

    name: str
    minimum: float
    maximum: float
    """Of the numbers; of the codes for a boolean (0 and 1) and a category (0 and k - 1)."""
    kind: ColumnKind = "number"
    levels: list[str] = []
    """Category: its levels, by code. Boolean: how training wrote 0 and 1, where it wrote words."""
    level_shares: list[float] = []
    """Of the training rows, one for each level; of a boolean those of 0 and of 1, however it is written."""
    missing_share: float = 0.0
    """Of the training rows. Where it is 0 a missing value is refused."""
    deciles: list[float] = []
    """Numbers: the 10 %, 20 %, ... 90 % quantiles of the training rows that have one."""
    becomes: str = ""
    """In words: what becomes of it before the network."""
    encoded_columns: int = Field(default=1, gt=0)
    """How many columns it becomes before the products: indicators and levels count too."""

    def natural(self, code: float) -> Cell:
        """Return what a person would write for a number that the graphs take; None: missing, or an unknown level."""
        if math.isnan(code):
            return None
        if self.kind == "number":
            return code
        if code == UNKNOWN_CODE:
            return None
        return bool(code) if self.kind == "boolean" else self.levels[int(code)]


class LeftOut(Frozen):
    """A column of the table that is no raw feature, and why."""

    name: str
    reason: str


class Target(Frozen):
    """The column that is predicted. ``scale``: its standard deviation in the training split (1 for classes)."""

    name: str
    positive_class: str | None = None
    negative_class: str | None = None
    """Two classes alone; ``classes`` holds them too."""
    scale: float = 1.0
    classes: list[str] = []
    """By their place in an answer: negative and positive, or all of three and more. Empty for a number."""
    shares: list[float] = []
    """Of the training rows, one for each class."""
    threshold: float = 0.5
    """Two classes: the probability from which on the positive one is recommended, chosen on the validation rows."""

    @model_validator(mode="after")
    def _name_two_classes(self) -> Self:
        """Format 1 named two classes and listed none."""
        if not self.classes and self.negative_class is not None and self.positive_class is not None:
            object.__setattr__(self, "classes", [self.negative_class, self.positive_class])
        return self

    @property
    def outputs(self) -> int:
        """Numbers in an answer to one row: 1, or one for each of three and more classes."""
        return len(self.classes) if len(self.classes) > 2 else 1


class DataSource(Frozen):
    """Where the rows came from, how they were split, and the SHA-256 of their values."""

    source: str
    fingerprint: str
    rows: int
    train_rows: int
    validation_rows: int
    test_rows: int
    seed: int
    best_possible_accuracy: float | None = None
    rows_without_target: int = 0
    """Rows that were dropped, beside ``rows``."""
    missing_spellings: list[str] = []
    """What counted as missing beside ``MISSING_SPELLINGS``."""
    left_out: list[LeftOut] = []
    sampled_rows: int | None = None
    """Of a table that was larger than the memory: rows that were drawn, of which those of the second and third part of
    the split are counted above. Quantiles, leaks and repeated rows are those of these. None: all rows were at hand."""


class Recipe(Frozen):
    """How the network was trained."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    product_weight: float = 1.0
    """How large a standardised product enters the network, to a standardised column; 1: all cards of version 0.6."""
    seed: int
    optimizer: str
    schedule: str
    selection: str


class EpochTrace(Frozen):
    """One epoch. Losses: log loss, or mean squared error in standard deviations of the target."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float | None = None
    validation_r2: float | None = None
    observation: str
    wall_seconds: float | None = None
    processor_seconds: float | None = None
    """Of all threads; None, both, in the cards of version 0.4 and before."""


class Metrics(Frozen):
    """Held-out quality. ``loss``: log loss, or mean squared error in standard deviations of the target."""

    loss: float
    accuracy: float | None = None
    auc: float | None = None
    brier: float | None = None
    r2: float | None = None
    rmse: float | None = None


class CalibrationBin(Frozen):
    """Held-out rows whose probability lies between ``low`` and ``high``: what was said, and what came true.

    The probability is that of the positive class, or of the predicted one of three and more.
    """

    low: float
    high: float
    rows: int
    predicted: float | None = None
    """Mean probability; None without rows, as ``observed``."""
    observed: float | None = None
    """Share of the rows that were of that class."""


class Calibration(Frozen):
    """Expected calibration error (Guo et al., 2017) over ten bins of equal width of the predicted probability."""

    error: float
    bins: list[CalibrationBin]


class Difference(Frozen):
    """Held-out accuracy (regression: negative squared error) less that of the best, with its paired 95 % interval."""

    best: str
    mean: float
    low: float
    high: float


class Examples(Frozen):
    """Held-out rows, column by column of the card: the first are the golden rows.

    raw: n rows of natural values, as a request may hold them; features: n rows; target: n numbers (0 or 1, or the
    class's place, for classes); prediction: n numbers, or n rows of one probability for each of three and more classes.
    """

    raw: list[list[Cell]]
    features: list[list[float]]
    target: list[float]
    prediction: list[float] | list[list[float]]


class Description(Frozen):
    """What is known of one trained architecture: its card without the example rows."""

    format: int = 1
    release: str
    architecture: ArchitectureName
    task: Task
    target: Target
    depth: int = Field(ge=0)
    width: int = Field(ge=0)
    """0 and 0: the linear model."""
    parameters: int = Field(gt=0)
    bytes: int = Field(gt=0)
    """Size of ``network.onnx``."""
    raw_features: list[RawFeature] = Field(min_length=1)
    feature_names: list[str]
    recipe: Recipe
    data: DataSource
    trace: list[EpochTrace]
    test: Metrics
    calibration: Calibration | None = None
    train_seconds: float
    """By the clock on the wall."""
    processor_seconds: float | None = None
    """Of all threads, over the same time; None in the cards of version 0.4 and before, as ``threads``."""
    threads: int | None = None
    disturbed: bool = False
    """Whether something else took a part of the processors while it trained."""
    peak_memory_bytes: int
    """Peak of the training process over what its imports take."""
    network_memory_bytes: int | None = None
    """Of it what came on top of the data while it trained: what grows with the network. None in older cards."""
    libraries: dict[str, str]


class ModelCard(Description):
    """All that is known of one trained architecture."""

    examples: Examples
