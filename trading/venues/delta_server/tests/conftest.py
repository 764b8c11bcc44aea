"""A fresh bench for every test that asks for one."""

from __future__ import annotations

import pytest

from trading.venues.delta_server.tests.support import Bench, make_bench


@pytest.fixture
def bench() -> Bench:
    """A server in memory."""
    return make_bench()
