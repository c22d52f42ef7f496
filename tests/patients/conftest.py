"""Fixtures of the marketplace tests."""

from collections.abc import Iterator

import pytest

from tests.patients.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A marketplace for the tests of one file."""
    opened = Shop(tmp_path_factory.mktemp("shop"))
    try:
        opened.open()
        yield opened
    finally:
        opened.close()
