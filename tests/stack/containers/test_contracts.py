"""The contract tests of the adapters and of the embedded servers, once more against the real parts of the stack."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.machine import ROOT, clean_environment
from tests.stack.containers.parts import BASE_IMAGE, COMPOSE_V2, SOCKET
from tests.stack.containers.stack import RealStack


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("files", "real"),
    [
        (("tests/broker/test_broker_contract.py", "tests/adapters/test_kafka_stream.py"), "real"),
        (("tests/traces/test_query_contract.py", "tests/traces/test_ingest_contract.py"), "real"),
        (("tests/adapters/test_jaeger_traces.py",), "real"),
        (("tests/adapters/test_docker_contract.py", "tests/engine/test_engine_contract.py"), "dockerd"),
        (("tests/adapters/test_sandbox_contract.py",), "dockerd"),
        (
            (
                "tests/deploy/test_compose_file.py",
                "tests/deployer/test_compose_host.py",
                "tests/adapters/test_compose.py",
            ),
            "compose-v2",
        ),
    ],
    ids=["Apache Kafka", "Jaeger", "Jaeger through the adapter", "dockerd", "dockerd as a sandbox", "compose v2"],
)
def test_the_real_part_keeps_the_contract_of_the_embedded_one(
    stack: RealStack, tmp_path: Path, files: tuple[str, ...], real: str
) -> None:
    report = tmp_path / "report.xml"
    variables = clean_environment() | {
        "SRE_TEST_KAFKA": stack.run.kafka or "",
        "SRE_TEST_JAEGER_URL": stack.run.traces["query"] or "",
        "SRE_TEST_OTLP_URL": stack.otlp,
        "SRE_TEST_DOCKER_HOST": os.environ.get("DOCKER_HOST") or f"unix://{SOCKET}",
        "SRE_TEST_IMAGE": BASE_IMAGE,
        "SRE_TEST_IMAGE_PYTHON": "python3",
        "SRE_TEST_COMPOSE": str(COMPOSE_V2),
    }
    argv = [sys.executable, "-P", "-m", "pytest", "-n", "0", *files, "-k", real, f"--junitxml={report}"]
    breaks = real == "dockerd"
    with stack.without("scout") if breaks else nullcontext():  # it would look after the containers that break
        done = subprocess.run(argv, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=580)
    cases = list(ET.parse(report).iter("testcase"))
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    assert done.returncode == 0, done.stdout[-6000:]
    assert cases, "no test asks the real part"
    assert skipped == []
