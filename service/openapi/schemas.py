"""The shapes of bodies and answers in JSON Schema: from pydantic models, and from the limits of the inputs."""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, NoDefault, SkipJsonSchema, models_json_schema

from service.codec.columns import MOST_LEVELS, Column
from service.codec.problems import MOST_FAULTS, TYPE_PREFIX
from service.codec.rows import Input
from service.contract.card import Cell, Description, Examples
from service.contract.names import FEATURES, RAW, RECORDS, ArchitectureName
from service.contract.routes import ClassPredictions, Features, Predictions, RawClassPredictions, RawPredictions
from service.models.release import Release

Schema = dict[str, Any]

BINARY: Schema = {"type": "string", "format": "binary"}
"""What OpenAPI 3.1 would say with an empty schema; Swagger UI 5.12 offers to choose a file where it reads this."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Layer(BaseModel):
    """A hidden layer after ReLU: its size, the share of its units above 0, and every unit's value."""

    size: Annotated[int, Field(gt=0)]
    active_share: Share
    values: list[float]


class Trace(BaseModel):
    """One row's way through the layers."""

    architecture: ArchitectureName
    release: str
    raw: list[Cell]
    scaled: list[float]
    features: list[float]
    hidden: list[Layer]
    output: float | list[float]
    out_of_range: Count
    unknown_categories: Count | SkipJsonSchema[None] = None


class Catalogue(BaseModel):
    """Answer of GET /models: every architecture that is served."""

    release: str
    models: dict[ArchitectureName, Description]


class HeldOutRows(Examples):
    """Held-out rows of a model card, column by column: n rows, n targets, n predictions."""

    release: str


class BrokenRule(BaseModel):
    """Where a row breaks a rule: row and column are counted from 0."""

    row: Count
    column: Count | None = None
    name: str | None = Field(None, description="The column's name in the model card, or that of a record's member.")
    value: Any = Field(None, description="What was found there.")
    levels: list[str] = Field([], max_length=MOST_LEVELS, description="The first levels that a category may have.")
    rule: str


class Refusal(BaseModel):
    """Why a request was refused, and what to change (RFC 9457)."""

    type: Annotated[str, Field(pattern=f"^{TYPE_PREFIX}")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    error: str = Field(description="The same as `detail`, where BentoML's client looks for it.")
    rule: str
    release: str
    request_id: str
    errors: list[BrokenRule] = Field([], max_length=MOST_FAULTS, description="The first bad rows, where rows are bad.")


class Untitled(GenerateJsonSchema):
    """pydantic's schemas, without a title for every member that repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave it out."""
        return False

    def get_default_value(self, schema: Any) -> Any:
        """Leave a member without default that is left out where there is nothing to say."""
        default = super().get_default_value(schema)
        return NoDefault if default is None else default


PREDICTIONS = (Predictions, RawPredictions)
CLASS_PREDICTIONS = (ClassPredictions, RawClassPredictions)
ANSWERS = (Features, Trace, Catalogue, HeldOutRows, Refusal)
REFERENCE = "#/components/schemas/{model}"


def refer(model: type[BaseModel]) -> Schema:
    """Refer to the schema of a model in the document's components."""
    return {"$ref": REFERENCE.format(model=model.__name__)}


def describe_models(*models: type[BaseModel]) -> dict[str, Schema]:
    """Return name -> schema of the models, and of those that they are made of."""
    _, generated = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE, schema_generator=Untitled
    )
    schemas: dict[str, Schema] = generated["$defs"]
    return schemas


def predictions_of(release: Release) -> tuple[type[BaseModel], type[BaseModel]]:
    """Return the models of the answers to features and to raw values."""
    return CLASS_PREDICTIONS if release.card.target.outputs > 1 else PREDICTIONS


def answer_schemas(release: Release) -> dict[str, Schema]:
    """Return name -> schema of every answer, with rows as wide as this release's, and without what it never answers."""
    card = release.card
    schemas = describe_models(*predictions_of(release), *ANSWERS)
    scaled = sum(column.encoded_columns for column in card.raw_features)
    widths = {RAW: len(card.raw_features), "scaled": scaled, FEATURES: len(card.feature_names)}
    for model in (Features, Trace, HeldOutRows):
        _set_widths(schemas[model.__name__], widths)
    absent = [] if card.target.classes else ["labels"]
    if not any(column.kind == "category" for column in card.raw_features):
        absent.append("unknown_categories")
    for schema in schemas.values():
        for name in absent:
            schema.get("properties", {}).pop(name, None)
    return schemas


def _set_widths(schema: Schema, widths: dict[str, int]) -> None:
    for name, member in schema["properties"].items():
        if name in widths:
            row = member["items"] if member["items"].get("type") == "array" else member
            row |= {"minItems": widths[name], "maxItems": widths[name]}


def rows_schema(takes: Input) -> Schema:
    """Return the schema of an endpoint's JSON body: the rules of ``service.codec`` that JSON Schema can say."""
    number = {"type": "number", "minimum": -takes.limit, "maximum": takes.limit}
    row: Schema = {"type": "array", "items": number, "minItems": takes.width, "maxItems": takes.width}
    if takes.columns is None:
        return _body(takes, takes.key, row)
    cells = [_cell_schema(column, number) for column in takes.columns.columns]
    if not takes.columns.plain:
        row |= {"prefixItems": cells, "items": False}
    record = {
        "type": "object",
        "properties": dict(zip(takes.names, cells, strict=True)),
        "required": list(takes.names),
        "additionalProperties": False,
    }
    return {"oneOf": [_body(takes, takes.key, row), _body(takes, RECORDS, record)]}


def _body(takes: Input, key: str, row: Schema) -> Schema:
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": takes.max_rows}
    return {"type": "object", "properties": {key: rows}, "required": [key], "additionalProperties": False}


def _cell_schema(column: Column, number: Schema) -> Schema:
    none = [None] if column.gaps else []
    if column.kind == "number":
        return number | ({"type": ["number", "null"]} if column.gaps else {})
    if column.kind == "category" and column.unknown == "ignore":
        return {"type": ["string", "null"] if column.gaps else "string"}
    if column.kind == "category":
        return {"enum": [*column.levels, *none]}
    return {"enum": [False, True, *column.levels, *([0, 1] if float in column.types else []), *none]}
