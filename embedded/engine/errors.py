"""How the engine says no: an HTTP status and dockerd's own words."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal with the status code and message dockerd would answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotModified(ApiError):
    """The container is already in the state asked for: 304 with an empty body."""

    def __init__(self) -> None:
        super().__init__(304, "")


def no_such_container(reference: str) -> ApiError:
    """404 in the words docker clients match on."""
    return ApiError(404, f"No such container: {reference}")


def no_such_image(reference: str) -> ApiError:
    """404 in the words docker clients match on (the SDK raises ImageNotFound on them)."""
    return ApiError(404, f"No such image: {reference}")
