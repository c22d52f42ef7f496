"""Refusals, in the bodies GitHub gives them."""

from collections.abc import Sequence
from typing import Any

DOCS = "https://docs.github.com/rest"


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Any] = (),
        headers: dict[str, str] | None = None,
        docs: str = DOCS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message}
        if errors:
            self.body["errors"] = list(errors)
        self.body |= {"documentation_url": docs, "status": str(status)}


def not_found(message: str = "Not Found") -> Refused:
    return Refused(404, message)


def bad_credentials() -> Refused:
    return Refused(401, "Bad credentials")


def needs_login() -> Refused:
    return Refused(401, "Requires authentication")


def forbidden(message: str = "Must have admin rights to Repository.") -> Refused:
    return Refused(403, message)


def bad_json() -> Refused:
    return Refused(400, "Problems parsing JSON")


def invalid(resource: str, field: str, code: str = "invalid", message: str | None = None) -> Refused:
    """422 Validation Failed with one error; `code` is missing_field, invalid, already_exists, missing or custom."""
    error = {"resource": resource, "code": code, "field": field}
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", [error])


def unprocessable(message: str) -> Refused:
    return Refused(422, message)


def conflict(message: str) -> Refused:
    return Refused(409, message)
