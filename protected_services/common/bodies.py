"""Request bodies of bounded size, as JSON objects or as forms."""

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from protected_services.common.failures import Refused

BODY_LIMIT = 16_384
"""Bytes. The largest honest body is under 1 KB."""


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of the body. Raises Refused(400) when it is not one, Refused(413) when it is too long."""
    try:
        body = json.loads(await _read(request))
    except (ValueError, RecursionError) as bad:
        raise Refused(400, "the body is not JSON") from bad
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


async def read_form(request: Request) -> dict[str, str]:
    """The fields of an URL-encoded form; of a repeated field the last counts."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(415, "send the form URL-encoded")
    try:
        pairs = parse_qsl((await _read(request)).decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError as bad:
        raise Refused(400, "the form cannot be read") from bad
    return dict(pairs)


def text_field(body: dict[str, Any], name: str) -> str:
    """A non-empty string of at most 80 characters. Raises Refused(422)."""
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 80:
        raise Refused(422, f"{name} is missing", {name: "A text of 1 to 80 characters."})
    return value


def whole_field(body: dict[str, Any], name: str) -> int:
    """A whole number, not negative. Raises Refused(422)."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(422, f"{name} is missing", {name: "A whole number."})
    return value


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise Refused(413, f"the body is longer than {BODY_LIMIT} bytes")
    return bytes(body)
