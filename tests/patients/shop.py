"""The marketplace as real processes on free ports, a collector for its spans, and its fault file."""

import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tests.machine import free_ports

ROOT = Path(__file__).parents[2]
MODULES = ("user_service", "policy_service", "quote_service", "frontend")
ADA = {"name": "Ada Abara", "age": 40, "postcode": "A10 1XY", "claims": 0, "product": "home", "cover": "plus"}


PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no CA roots to load: loopback is plain http

Span = dict[str, Any]


class Collector:
    """An OTLP/HTTP collector that keeps every span as a flat dict."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.spans.extend(_flatten(ExportTraceServiceRequest.FromString(body)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def trace_of(self, trace_id: str) -> list[Span]:
        return [span for span in list(self.spans) if span["trace_id"] == trace_id]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _flatten(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                attributes = {
                    pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
                    for pair in span.attributes
                }
                yield {
                    "resource": resource,
                    "service": resource["service.name"],
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_id": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    "status": span.status.code,
                    "attributes": attributes,
                    "events": [event.name for event in span.events],
                }


class Patient:
    """One service process that can be stopped and started again on the same port."""

    def __init__(self, module: str, port: int, environ: dict[str, str]) -> None:
        self.module, self.port, self._environ = module, port, environ
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[str] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=5.0, verify=PLAIN, trust_env=False)

    def begin(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"protected_services.{self.module}", "--port", str(self.port)],
            cwd=ROOT,
            env=os.environ | self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def await_ready(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        ready: dict[str, Any] = json.loads(self.process.stdout.readline())
        return ready

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._client.close()
        self._client = httpx.Client(base_url=self.url, timeout=5.0, verify=PLAIN, trust_env=False)
        return status

    def restart(self, number: int = signal.SIGKILL, **environ: str) -> None:
        """Again, with these variables in its environment from now on."""
        self.stop(number)
        self._environ = self._environ | environ
        self.begin()
        self.await_ready()

    def get(self, path: str, timeout: float = 5.0, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._client.get(path, timeout=timeout, headers=headers)

    def healthy(self, timeout_s: float = 1.0) -> bool:
        try:
            return self.get("/healthz", timeout=timeout_s).status_code == 200
        except httpx.HTTPError:
            return False


class Shop:
    """The four services, their collector and their fault file."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.collector = Collector()
        self.faults_file = folder / "faults.json"
        self.environ = {
            "FAULTS_FILE": str(self.faults_file),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
            "KAFKA_BOOTSTRAP_SERVERS": "",
            **environ,
        }
        first = free_ports(len(MODULES))
        ports = {module: first + n for n, module in enumerate(MODULES)}
        for module, port in ports.items():
            self.environ[f"{module.removesuffix('_service').upper()}_URL"] = f"http://127.0.0.1:{port}"
        self.services = {module: Patient(module, port, self.environ) for module, port in ports.items()}
        self.client = httpx.Client(base_url=self.services["frontend"].url, timeout=5.0, verify=PLAIN, trust_env=False)

    def open(self) -> None:
        for service in self.services.values():
            service.begin()
        for service in self.services.values():
            service.await_ready()

    def close(self) -> None:
        self.client.close()
        for service in self.services.values():
            service.stop(signal.SIGKILL)
        self.collector.close()

    def quote(self, **fields: object) -> httpx.Response:
        return self.client.post("/api/quotes", json=ADA | fields, headers=new_trace())

    def purchase(self, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
        quote = self.quote(**fields)
        if quote.status_code != 201:
            return quote
        body = {"quote_id": quote.json()["quote_id"]}
        return self.client.post("/api/purchases", json=body, headers=headers or new_trace())

    def suffer(self, fault: str, service: str = "policy-service", grade: str = "medium", **more: object) -> None:
        entry = {"id": secrets.token_hex(4), "service": service, "fault": fault, "grade": grade, "since": time.time()}
        self._write([entry | {"until": None, "sticky": False} | more])

    def heal(self) -> None:
        self._write([])

    def _write(self, entries: list[dict[str, Any]]) -> None:
        fresh = self.faults_file.with_suffix(".new")
        fresh.write_text(json.dumps({"faults": entries}), encoding="utf-8")
        fresh.replace(self.faults_file)


def new_trace() -> dict[str, str]:
    """A W3C traceparent of its own."""
    return {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
