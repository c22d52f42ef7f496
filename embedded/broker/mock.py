"""librdkafka's mock cluster through ctypes: one Kafka broker that lives in this process's memory.

The library is the one the confluent-kafka wheel already carries, so there is nothing to install. Its header calls the
`rd_kafka_mock_*` functions experimental; the pinned wheel is what makes them safe to use here.
Source of the signatures: librdkafka 2.16, src/rdkafka_mock.h and src/rdkafka.h.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from types import TracebackType
from typing import Final, Self

RD_KAFKA_PRODUCER: Final = 0
"""`rd_kafka_type_t`: the mock cluster needs a client instance to run its thread in; either type will do."""

BROKER_ID: Final = 1
"""The id librdkafka gives the first broker of a mock cluster."""


class MockKafkaError(RuntimeError):
    """librdkafka refused to make the mock cluster or one of its topics."""


def load_librdkafka() -> ctypes.CDLL:
    """The librdkafka of the installed confluent-kafka, found without importing that package (22 MB)."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or not spec.submodule_search_locations:
        raise MockKafkaError("confluent-kafka is not installed")
    # The extension module depends on librdkafka, and a symbol look-up through a handle also searches its dependencies,
    # so this holds wherever the wheel puts the library.
    extensions = sorted(Path(spec.submodule_search_locations[0]).glob("cimpl*.so"))
    if not extensions:
        raise MockKafkaError("confluent-kafka has no compiled client (cimpl)")
    library = ctypes.CDLL(str(extensions[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_conf_set.argtypes = [pointer, text, text, text, ctypes.c_size_t]
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [number, pointer, text, ctypes.c_size_t]
    library.rd_kafka_destroy.argtypes = [pointer]
    library.rd_kafka_err2str.restype = text
    library.rd_kafka_err2str.argtypes = [number]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, number]
    library.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_bootstraps.restype = text
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    library.rd_kafka_mock_topic_create.argtypes = [pointer, text, number, number]
    library.rd_kafka_mock_broker_set_host_port.restype = None
    library.rd_kafka_mock_broker_set_host_port.argtypes = [pointer, ctypes.c_int32, text, number]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
    return library


class MockCluster:
    """One Kafka broker in memory. Listens on 127.0.0.1 at a port of librdkafka's choosing; gone when closed."""

    def __init__(self, *, rebalance_delay_ms: int = 50) -> None:
        """`rebalance_delay_ms`: how long a new group waits for more members (librdkafka's default is 3,000)."""
        self._lib = load_librdkafka()
        reason = ctypes.create_string_buffer(512)
        settings = self._lib.rd_kafka_conf_new()
        self._lib.rd_kafka_conf_set(settings, b"log_level", b"3", reason, len(reason))  # errors, not "no bootstrap"
        self._client = self._lib.rd_kafka_new(RD_KAFKA_PRODUCER, settings, reason, len(reason))
        if not self._client:
            raise MockKafkaError(reason.value.decode(errors="replace"))
        self._cluster = self._lib.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._lib.rd_kafka_destroy(self._client)
            raise MockKafkaError("librdkafka could not open a listening socket")
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)

    @property
    def listener(self) -> tuple[str, int]:
        """Host and port the broker itself listens on."""
        host, _, port = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode().rpartition(":")
        return host, int(port)

    def advertise(self, host: str, port: int) -> None:
        """Tell clients in every metadata answer that the broker is at `host:port`, where a relay stands."""
        self._lib.rd_kafka_mock_broker_set_host_port(self._cluster, BROKER_ID, host.encode(), port)

    def create_topic(self, name: str, partitions: int) -> None:
        """Raises MockKafkaError when the topic exists already."""
        code = self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code:
            raise MockKafkaError(f"topic {name}: {self._lib.rd_kafka_err2str(code).decode()}")

    def close(self) -> None:
        if self._cluster:
            self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
            self._lib.rd_kafka_destroy(self._client)
            self._cluster = self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
