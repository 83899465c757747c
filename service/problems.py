"""Problem: a request that breaks a rule, said so that its sender can mend it."""

from http import HTTPStatus

import orjson


class Problem(Exception):  # noqa: N818  (an answer to the client, not a fault of this program)
    """A refusal: the HTTP status, the sentence, and for a bad value its row and column, counted from 0."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        rule: str,
        row: int | None = None,
        column: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.rule = rule
        self.row = row
        self.column = column
        self.headers = headers or {}

    def body(self, release: str) -> bytes:
        """JSON with the member ``error``, which BentoML's client shows, and the place of the bad value."""
        members = {
            "error": self.detail,
            "rule": self.rule,
            "row": self.row,
            "column": self.column,
            "release": release,
        }
        return orjson.dumps({name: value for name, value in members.items() if value is not None})


def malformed(detail: str, *, rule: str) -> Problem:
    """400: the body can't be read as what its media type says."""
    return Problem(HTTPStatus.BAD_REQUEST, detail, rule=rule)


def unprocessable(detail: str, *, rule: str, row: int | None = None, column: int | None = None) -> Problem:
    """422: the body was read, and its content breaks a rule of the contract."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, rule=rule, row=row, column=column)
