"""A fresh OpenAI-compatible endpoint for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.endpoint import Endpoint, running


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running() as made:
        yield made
