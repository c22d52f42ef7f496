"""The engines under test: the embedded one, and a real dockerd where SRE_TEST_DOCKER_HOST names one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import docker
import pytest

from tests.engine.hosts import EngineProcess, Host


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[EngineProcess]:
    """One embedded engine for all contract tests."""
    process = EngineProcess()
    yield process
    process.close()


@pytest.fixture
def own_engine() -> Iterator[EngineProcess]:
    """An embedded engine this test may kill."""
    process = EngineProcess()
    yield process
    process.close()


@pytest.fixture(params=["embedded", "dockerd"])
def engine(request: pytest.FixtureRequest) -> Iterator[Host]:
    """The docker hosts held to one contract."""
    if request.param == "embedded":
        url = f"unix://{request.getfixturevalue('shared_engine').socket}"
        image, python = "patient:1", sys.executable
    else:
        url, image = os.environ.get("SRE_TEST_DOCKER_HOST", ""), os.environ.get("SRE_TEST_IMAGE", "")
        python = os.environ.get("SRE_TEST_IMAGE_PYTHON", "python3")
        if not url or not image:
            pytest.skip("no real dockerd: SRE_TEST_DOCKER_HOST and SRE_TEST_IMAGE (an image with python3) are not set")
    client = docker.DockerClient(base_url=url, timeout=30)
    host = Host(client, image, python, embedded=request.param == "embedded")
    yield host
    host.cleanup()
    client.close()
