"""Kafka on one machine: librdkafka's own mock cluster behind a fixed address, in a process of its own."""
