"""The WebSocket: who is let in, what is sent, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from trading import frames as frames_module
from trading.consumers import FORBIDDEN
from trading.frames import Frames
from trading.models import StrategySession
from trading.panels import PANELS
from trading.publish import announce
from trading.routing import websocket_urlpatterns
from trading.tests import snapshots
from trading.tests.factories_control import alive_engine, configuration, session, user
from trading.tests.session_rows import decisions_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def fresh_process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Frames]:
    """Frames and a channel layer that no other test has used."""
    fresh = Frames()
    monkeypatch.setattr("trading.consumers.frames", fresh)
    monkeypatch.setattr(frames_module, "frames", fresh)
    yield fresh
    await get_channel_layer().flush()


def socket(who: Any, path: str = "/ws/live/") -> WebsocketCommunicator:
    """A browser's socket at ``path``, signed in as ``who``."""
    communicator = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path)
    communicator.scope["user"] = who
    return communicator


async def viewer() -> User:
    """A user who may look."""
    made: User = await database_sync_to_async(user)("viewer")
    return made


def running_session() -> StrategySession:
    """An open session of a demo configuration."""
    return session(configuration("Demo"))


async def opened(who: Any, path: str = "/ws/live/") -> tuple[WebsocketCommunicator, str]:
    """A connected socket and the first thing it was sent."""
    communicator = socket(who, path)
    connected, _ = await communicator.connect()
    assert connected
    return communicator, await communicator.receive_from()


async def test_it_refuses_an_anonymous_visitor() -> None:
    connected, code = await socket(AnonymousUser()).connect()
    assert (connected, code) == (False, FORBIDDEN)


async def test_it_refuses_a_user_without_a_role() -> None:
    nobody = await database_sync_to_async(User.objects.create_user)("nobody@example.com", "correct horse battery")
    connected, _ = await socket(nobody).connect()
    assert not connected


async def test_it_sends_the_whole_picture_at_once_on_connecting() -> None:
    await database_sync_to_async(alive_engine)()
    communicator, first = await opened(await viewer())
    assert [first.count(f'id="panel-{name}"') for name in PANELS] == [1] * len(PANELS)
    assert first.count("hx-swap-oob") == len(PANELS)
    await communicator.disconnect()


async def test_the_bar_socket_sends_the_bar_alone() -> None:
    communicator, first = await opened(await viewer(), "/ws/bar/")
    assert first.count("hx-swap-oob") == 1
    await announce(1, snapshots.live())
    assert "11:11:07" in await communicator.receive_from()
    await communicator.disconnect()


async def test_an_update_reaches_the_page_as_panels() -> None:
    communicator, _ = await opened(await viewer())
    await announce(1, snapshots.live())
    pushed = await communicator.receive_from()
    assert "+$14.62" in pushed
    assert 'id="panel-legs" hx-swap-oob="true"' in pushed
    await communicator.disconnect()


async def test_only_what_changed_is_sent_again_and_the_bar_as_a_sign_of_life() -> None:
    communicator, _ = await opened(await viewer())
    await announce(1, snapshots.live())
    await communicator.receive_from()
    await announce(2, snapshots.live())
    assert (await communicator.receive_from()).count("hx-swap-oob") == 1
    await announce(3, snapshots.live(totals={**snapshots.LIVE["totals"], "net": 15.01}))
    pushed = await communicator.receive_from()
    assert "+$15.01" in pushed
    assert 'id="panel-legs"' not in pushed
    await communicator.disconnect()


async def test_now_and_then_the_whole_picture_is_sent_so_that_a_page_cannot_stay_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    communicator, _ = await opened(await viewer())
    monkeypatch.setattr("trading.consumers.WHOLE_SECONDS", 0.0)
    for sequence in (1, 2):
        await announce(sequence, snapshots.live())
        assert (await communicator.receive_from()).count("hx-swap-oob") == len(PANELS)
    await communicator.disconnect()


async def test_an_update_is_rendered_once_however_many_pages_watch(fresh_process: Frames) -> None:
    who = await viewer()
    sockets = [(await opened(who))[0] for _ in range(3)]
    before = fresh_process.rendered
    await announce(1, snapshots.live())
    pushed = [await communicator.receive_from() for communicator in sockets]
    assert len(set(pushed)) == 1
    assert fresh_process.rendered == before + 1
    for communicator in sockets:
        await communicator.disconnect()


async def test_a_burst_of_updates_is_thinned_to_four_a_second_and_ends_with_the_newest() -> None:
    communicator, _ = await opened(await viewer())
    for sequence in range(1, 21):
        totals = {**snapshots.LIVE["totals"], "net": sequence}
        await announce(sequence, snapshots.live(totals=totals))
        await asyncio.sleep(0)
    first = await communicator.receive_from()
    last = await communicator.receive_from()
    assert "+$20.00" in last
    assert first != last
    assert await communicator.receive_nothing(timeout=0.4)
    await communicator.disconnect()


async def test_decisions_are_read_again_only_when_their_version_changes(
    fresh_process: Frames,
) -> None:
    running = await database_sync_to_async(running_session)()
    picture = snapshots.live(session_id=running.pk)
    assert "Trailing level" not in (await fresh_process.of(1, picture))["decisions"]
    await database_sync_to_async(decisions_of)(running)
    assert "Trailing level" not in (await fresh_process.of(2, picture))["decisions"]
    changed = {**picture, "versions": {"decisions": 13, "orders": 4}}
    assert "Trailing level" in (await fresh_process.of(3, changed))["decisions"]


async def test_what_a_page_sends_changes_nothing() -> None:
    communicator, _ = await opened(await viewer())
    await communicator.send_to(text_data='{"action": "panic"}')
    await communicator.send_to(bytes_data=b"\x00\x01")
    await announce(1, snapshots.live())
    assert "+$14.62" in await communicator.receive_from()
    await communicator.disconnect()


async def test_a_picture_that_cannot_be_drawn_does_not_end_the_socket(caplog: pytest.LogCaptureFixture) -> None:
    communicator, _ = await opened(await viewer())
    await announce(1, {"positions": 7, "phase": "live"})
    await asyncio.sleep(0.05)
    await announce(2, snapshots.live())
    assert "+$14.62" in await communicator.receive_from()
    assert "could not be sent" in caplog.text
    await communicator.disconnect()


async def test_a_page_that_left_is_sent_nothing_more() -> None:
    communicator, _ = await opened(await viewer())
    await communicator.disconnect()
    assert "runtime" not in get_channel_layer().groups
