"""What is usual, in a form that a frozen case can hold: exact, and in the order it was put together in. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from shared.analysis.rca.baseline_store import BaselineStore, Key
from shared.analysis.rca.sketch import Sketch


def written(store: BaselineStore) -> list[list[object]]:
    """One row a sketch: service, operation, caller, hour, zeros, buckets, their counts. Sums of floats depend on the
    order, so it is kept, which `as_json` does not."""
    return [
        [*key, hour, sketch.zeros, list(sketch.buckets), list(sketch.buckets.values())]
        for (key, hour), sketch in store.sketches.items()
    ]


def read(given: Any) -> BaselineStore:
    """The inverse of `written`; a store is taken as it is. Raises ValueError."""
    if isinstance(given, BaselineStore):
        return given
    store = BaselineStore()
    try:
        for service, operation, caller, hour, zeros, buckets, counts in given:
            sketch = Sketch({int(i): float(n) for i, n in zip(buckets, counts, strict=True)}, float(zeros))
            store.sketches[Key(str(service), str(operation), str(caller)), int(hour)] = sketch
    except TypeError as error:
        raise ValueError(f"no baselines: {error}") from error
    return store


Usual = Annotated[BaselineStore, PlainValidator(read), PlainSerializer(written, return_type=list)]
