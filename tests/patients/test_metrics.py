"""The Prometheus text is what a Prometheus server can read."""

import pytest

from protected_services.common.metrics import Counter, Histogram, Metrics


def test_label_values_are_escaped() -> None:
    counter = Counter("odd_total", "Odd\nthings.", ("what",))
    counter.add('a"b\\c\nd')
    assert counter.lines() == [
        "# HELP odd_total Odd\\nthings.",
        "# TYPE odd_total counter",
        'odd_total{what="a\\"b\\\\c\\nd"} 1',
    ]


def test_histogram_buckets_are_cumulative_and_end_at_infinity() -> None:
    histogram = Histogram("t_seconds", "Time.", ("route",))
    for seconds in (0.005, 0.006, 0.3, 99.0):
        histogram.observe(seconds, "/x")
    lines = histogram.lines()
    assert 't_seconds_bucket{route="/x",le="0.005"} 1' in lines
    assert 't_seconds_bucket{route="/x",le="0.01"} 2' in lines
    assert 't_seconds_bucket{route="/x",le="0.5"} 3' in lines
    assert 't_seconds_bucket{route="/x",le="+Inf"} 4' in lines
    assert 't_seconds_count{route="/x"} 4' in lines


def test_a_counter_never_falls_and_wants_its_labels() -> None:
    counter = Counter("c_total", "C.", ("a",))
    with pytest.raises(ValueError, match="c_total"):
        counter.add("x", by=-1)
    with pytest.raises(ValueError, match="c_total"):
        counter.add()


def test_two_metrics_of_one_name_are_a_mistake() -> None:
    metrics = Metrics(0.0)
    with pytest.raises(ValueError, match="two metrics"):
        metrics.counter("http_requests_total", "Again.")
