"""ModelCard: what training learnt and the service must know, one file beside each network in the store."""

from pydantic import BaseModel, ConfigDict, Field

from service.contract.names import ArchitectureName, Task


class Frozen(BaseModel):
    """A record that does not change once it is made, and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RawFeature(Frozen):
    """A raw column and the range it had in the training split, in its natural unit."""

    name: str
    minimum: float
    maximum: float


class Target(Frozen):
    """The column that is predicted. ``scale``: its standard deviation in the training split (1 for classes)."""

    name: str
    positive_class: str | None = None
    negative_class: str | None = None
    scale: float = 1.0


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


class Recipe(Frozen):
    """How the network was trained."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
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


class Metrics(Frozen):
    """Held-out quality. ``loss``: log loss, or mean squared error in standard deviations of the target."""

    loss: float
    accuracy: float | None = None
    auc: float | None = None
    brier: float | None = None
    r2: float | None = None
    rmse: float | None = None


class Difference(Frozen):
    """Held-out accuracy (regression: negative squared error) less that of the best, with its paired 95 % interval."""

    best: str
    mean: float
    low: float
    high: float


class Examples(Frozen):
    """Held-out rows, column by column of the card: the first are the golden rows.

    raw: n rows of natural values; features: n rows; target: n numbers (0 or 1 for classes);
    prediction: n numbers.
    """

    raw: list[list[float]]
    features: list[list[float]]
    target: list[float]
    prediction: list[float]


class Description(Frozen):
    """What is known of one trained architecture: its card without the example rows."""

    release: str
    architecture: ArchitectureName
    task: Task
    target: Target
    depth: int = Field(gt=0)
    width: int = Field(gt=0)
    parameters: int = Field(gt=0)
    bytes: int = Field(gt=0)
    """Size of ``network.onnx``."""
    raw_features: list[RawFeature] = Field(min_length=1)
    feature_names: list[str]
    recipe: Recipe
    data: DataSource
    trace: list[EpochTrace]
    test: Metrics
    train_seconds: float
    peak_memory_bytes: int
    """Peak of the training process over what its imports take."""
    libraries: dict[str, str]


class ModelCard(Description):
    """All that is known of one trained architecture."""

    examples: Examples
