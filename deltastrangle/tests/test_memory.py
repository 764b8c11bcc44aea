"""What is loaded once is not looked through again."""

from __future__ import annotations

import gc

from deltastrangle.memory import settle_memory


def test_what_is_loaded_leaves_the_collectors_sight_and_new_garbage_still_goes() -> None:
    before = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    try:
        settle_memory()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() > (700, 10, 10)
        circle: list[object] = []
        circle.append(circle)
        del circle
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
