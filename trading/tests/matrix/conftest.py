"""A fresh stage per scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from trading.tests.matrix.stage import Stage


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """Engine, Delta client and wire simulator at 09:25 IST, all in stepped time."""
    made = Stage()
    yield made
    await made.close()
