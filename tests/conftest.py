"""Hypothesis for all tests: quick, the same examples in every run, and no verdict on how busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _ANY_MACHINE, max_examples=60, derandomize=True)
settings.register_profile("thorough", _ANY_MACHINE, max_examples=2_000)
settings.load_profile("fast")
