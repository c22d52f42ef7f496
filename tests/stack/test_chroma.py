"""Chroma beside the stack: it starts as nobody on a read-only image, and keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.stack.stack import RealStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(180)
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"


@pytest.fixture
def chroma(stack: RealStack) -> Iterator[str]:
    """Its address."""
    stack.compose("--profile", "knowledge", "up", "-d", "--no-build", "--no-deps", "chroma")
    wait_for(lambda: healthy(stack), 90, "chroma is healthy", 0.5)
    yield f"http://127.0.0.1:{stack.ports['CHROMA_PORT']}"
    stack.container("chroma").remove(force=True)


def healthy(stack: RealStack) -> bool:
    return bool(stack.container("chroma").attrs["State"].get("Health", {}).get("Status") == "healthy")


def test_it_finds_what_is_nearest_and_still_does_after_it_was_killed(stack: RealStack, chroma: str) -> None:
    made = requests.post(f"{chroma}{DATABASE}/collections", json={"name": "incidents"}, timeout=10).json()
    collection = f"{chroma}{DATABASE}/collections/{made['id']}"
    documents = {"ids": ["a", "b"], "embeddings": [[1.0, 0.0], [0.0, 1.0]], "documents": ["oom", "latency"]}
    assert requests.post(f"{collection}/add", json=documents, timeout=10).status_code == 201

    def nearest() -> list[list[str]]:
        wanted = {"query_embeddings": [[0.9, 0.1]], "n_results": 1}
        found: list[list[str]] = requests.post(f"{collection}/query", json=wanted, timeout=10).json()["ids"]
        return found

    assert nearest() == [["a"]]
    container = stack.container("chroma")
    assert container.attrs["HostConfig"]["ReadonlyRootfs"]
    assert container.attrs["Config"]["User"] == "10001:10001"
    container.kill()
    container.start()
    wait_for(lambda: healthy(stack), 90, "chroma is healthy again", 0.5)
    assert nearest() == [["a"]]
