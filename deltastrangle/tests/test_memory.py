"""What is loaded once is not looked through again."""

from __future__ import annotations

import gc

from deltastrangle.memory import settle_memory


def test_what_is_loaded_leaves_the_collectors_sight_and_new_garbage_still_goes() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        settle_memory()
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > before[0]
        circle: list[object] = []
        circle.append(circle)
        del circle
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
