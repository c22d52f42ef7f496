"""A shop and a Scout that have seen it quiet: run once for each seed, copied for each test."""

from __future__ import annotations

import copy
import functools
import threading

from agents.scout.watch import Watch
from tests.scout.shop import Shop
from tests.scout.world import patrol


def quiet_shop(seed: int = 1, seconds: int = 40) -> tuple[Shop, Watch]:
    """Both after so many seconds in which nothing was found; the test's own, with a lock of its own."""
    shop, watch = _run_once(seed, seconds)
    return copy.deepcopy((shop, watch), {id(watch._lock): threading.RLock()})


@functools.cache
def _run_once(seed: int, seconds: int) -> tuple[Shop, Watch]:
    shop = Shop(seed)
    watch = Watch(shop)
    assert patrol(watch, 2 * seconds) == []
    return shop, watch
