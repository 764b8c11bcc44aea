"""Logging at its most talkative never stands in the way of a session."""

from __future__ import annotations

import logging

import pytest

from trading.tests.scene import Scene, assert_settled

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_whole_session_runs_with_debug_logging(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(faults="reject:leg=put,purpose=entry,count=1,code=unavailable;lost_fill:leg=call")
    try:
        with caplog.at_level(logging.DEBUG):
            session = await scene.play()
        await assert_settled(scene, session)
        assert session.exit_reason == "time_exit"
        assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    finally:
        await scene.close()
