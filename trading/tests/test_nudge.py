"""The hint to the engine: it arrives where it safely can, and never gets in the way."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from pytest_django import Settings

from trading.nudge import ENGINE_CHANNEL, nudge


class BrokenLayer:
    """A layer whose server does not answer."""

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Fail as Redis does when it is down."""
        raise ConnectionError("connection refused")


def layer_of(settings: Settings, backend: str) -> None:
    """Make ``backend`` the channel layer of this test."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}


async def test_it_reaches_the_engine_from_a_request_of_the_same_process(settings: Settings) -> None:
    layer_of(settings, "channels.layers.InMemoryChannelLayer")
    await sync_to_async(nudge)()
    layer = get_channel_layer()
    assert layer is not None
    assert await layer.receive(ENGINE_CHANNEL) == {"type": "engine.wake"}


def test_it_leaves_an_in_memory_layer_alone_outside_of_any_loop(settings: Settings) -> None:
    layer_of(settings, "channels.layers.InMemoryChannelLayer")
    nudge()
    layer = get_channel_layer()
    assert layer is not None
    assert layer.channels == {}


def test_it_only_warns_when_the_layer_is_down(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    layer_of(settings, "trading.tests.test_nudge.BrokenLayer")
    with caplog.at_level(logging.WARNING, logger="trading.nudge"):
        nudge()
    said = "The engine could not be nudged (connection refused); it looks by itself"
    assert [record.message for record in caplog.records] == [said]


def test_it_is_silent_without_a_layer(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {}
    nudge()
    assert get_channel_layer() is None
