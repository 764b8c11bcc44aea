"""The garbage collector, told that this process has loaded what it needs and now answers.

A look through all of Django takes 70 ms, again and again, in the middle of a request or of a close that has to leave.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 50_000
"""New containers before the youngest are looked through: a page of sessions makes some thousand."""
GENERATIONS: Final = (20, 50)


def settle_memory() -> None:
    """Never look at what is loaded now again, and look for new garbage seldom; to be called once, after loading."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *GENERATIONS)
