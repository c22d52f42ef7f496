"""The ways a request can end other than well, each with the HTTP status it is answered with."""

from collections.abc import Mapping


class Refused(Exception):
    """The request cannot be served as asked; nothing is wrong with the service."""

    def __init__(self, status: int, reason: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.errors = dict(errors or {})


class UpstreamFailed(Exception):
    """A service this one depends on did not answer properly."""

    status = 502

    def __init__(self, service: str, detail: str) -> None:
        super().__init__(f"{service}: {detail}")
        self.service = service
        self.detail = detail


class UpstreamTimedOut(UpstreamFailed):
    """A service this one depends on did not answer in time."""

    status = 504
