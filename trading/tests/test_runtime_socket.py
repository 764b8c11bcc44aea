"""The runtime socket of scripts: who is let in, what is sent, and what a slow reader costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.test import Client

from accounts.models import User
from accounts.services import create_api_token, issue_tokens, revoke_api_token
from accounts.sockets import CredentialMiddleware
from trading import runtime_hub
from trading.publish import GROUP, announce
from trading.routing import websocket_urlpatterns
from trading.runtime_hub import MOST_WAITING, RuntimeHub
from trading.runtime_socket import FORBIDDEN, UNAUTHENTICATED, WINDOW, RuntimeSocket
from trading.tests import snapshots
from trading.tests.factories_control import alive_engine, user

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/runtime/"
HOST = (b"host", b"localhost")


@pytest.fixture(autouse=True)
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RuntimeHub]:
    """A hub and a channel layer that no other test has used."""
    fresh = RuntimeHub()
    monkeypatch.setattr(runtime_hub, "hub", fresh)
    yield fresh
    fresh._stop()
    await get_channel_layer().flush()


def socket(*headers: tuple[bytes, bytes], subprotocols: list[str] | None = None) -> WebsocketCommunicator:
    """A connection as a program makes it."""
    application = CredentialMiddleware(URLRouter(websocket_urlpatterns))
    return WebsocketCommunicator(application, PATH, headers=[HOST, *headers], subprotocols=subprotocols)


def bearer(token: str) -> tuple[bytes, bytes]:
    """The header of a token."""
    return (b"authorization", f"Bearer {token}".encode())


@database_sync_to_async
def access_token(role: str = "viewer", scopes: list[str] | None = None) -> str:
    """A JWT of a user with ``role``."""
    return issue_tokens(user=user(role), scopes=scopes)["access_token"]


async def heard(communicator: WebsocketCommunicator) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(await communicator.receive_from())
    return message


async def opened(communicator: WebsocketCommunicator) -> dict[str, Any]:
    """The first message of a connection that was accepted."""
    connected, _ = await communicator.connect()
    assert connected
    return await heard(communicator)


async def closed_with(communicator: WebsocketCommunicator) -> int:
    """The code of the close that comes next."""
    output = await communicator.receive_output()
    assert output["type"] == "websocket.close"
    return int(output["code"])


async def ready() -> None:
    """Let every task run until none has anything to do."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_program_with_a_jwt_gets_the_whole_picture_at_once() -> None:
    await database_sync_to_async(alive_engine)(**snapshots.live())
    communicator = socket(bearer(await access_token()))
    first = await opened(communicator)
    assert (first["type"], first["sequence"], first["previous"], first["events"]) == ("snapshot", 1, None, [])
    assert first["payload"]["totals"]["credit"] == 46.55
    assert first["payload"]["worker"]["alive"] is True
    await communicator.disconnect()


async def test_a_personal_token_as_a_subprotocol_opens_it_too() -> None:
    _, secret = await database_sync_to_async(create_api_token)(
        actor=await database_sync_to_async(user)(), name="feed", asked=["read"], days=1
    )
    communicator = socket(subprotocols=["bearer", secret])
    connected, chosen = await communicator.connect()
    assert (connected, chosen) == (True, "bearer")
    assert (await heard(communicator))["payload"]["status"] == "idle"
    await communicator.disconnect()


async def test_a_page_of_this_site_opens_it_with_its_session() -> None:
    def session_cookie() -> str:
        client = Client()
        client.force_login(user("viewer"), "django.contrib.auth.backends.ModelBackend")
        return client.cookies["sessionid"].value

    cookie = (b"cookie", f"sessionid={await database_sync_to_async(session_cookie)()}".encode())
    communicator = socket(cookie, (b"origin", b"http://localhost"))
    assert (await opened(communicator))["type"] == "snapshot"
    await communicator.disconnect()
    elsewhere = socket(cookie, (b"origin", b"https://evil.example"))
    assert (await elsewhere.connect())[0] is False


async def refusal_of(communicator: WebsocketCommunicator) -> tuple[str, int]:
    """The code of the error and of the close that follows it."""
    message = await opened(communicator)
    assert (message["type"], bool(message["detail"])) == ("error", True)
    return message["code"], await closed_with(communicator)


async def test_who_is_nobody_is_told_so_and_closed() -> None:
    anonymous = socket((b"origin", b"http://localhost"))
    assert await refusal_of(anonymous) == ("not_authenticated", UNAUTHENTICATED)
    for token in ("nonsense", "dst_nonsense", "ünkind"):
        assert await refusal_of(socket(bearer(token))) == ("not_authenticated", UNAUTHENTICATED)


async def test_who_may_not_read_is_told_so_and_closed() -> None:
    narrowed = await access_token("operator", scopes=["control"])
    assert await refusal_of(socket(bearer(narrowed))) == ("insufficient_scope", FORBIDDEN)
    nobody = await database_sync_to_async(User.objects.create_user)("nobody@example.com", "correct horse battery")
    roleless = (await database_sync_to_async(issue_tokens)(user=nobody))["access_token"]
    assert await refusal_of(socket(bearer(roleless))) == ("permission_denied", FORBIDDEN)


async def test_an_update_holds_what_changed_and_says_what_it_builds_on() -> None:
    await database_sync_to_async(alive_engine)(**snapshots.live())
    communicator = socket(bearer(await access_token()))
    first = await opened(communicator)
    await announce(7, snapshots.live())
    second = await heard(communicator)
    await announce(8, snapshots.live(spot={"last": 80_000.0}))
    third = await heard(communicator)
    assert (first["sequence"], second["previous"], second["sequence"]) == (1, 1, 7)
    assert (third["type"], third["previous"], third["sequence"]) == ("update", 7, 8)
    assert list(third["payload"]) == ["spot"]
    assert third["payload"]["spot"]["last"] == 80_000.0
    await communicator.disconnect()


async def test_snapshot_and_updates_together_are_the_workers_picture() -> None:
    communicator = socket(bearer(await access_token()))
    picture = (await opened(communicator))["payload"]
    for number, payload in enumerate((snapshots.waiting(), snapshots.live(), snapshots.live(attention="odd")), 1):
        await announce(number, payload)
        picture.update((await heard(communicator))["payload"])
    assert {name: picture[name] for name in ("phase", "attention", "totals")} == {
        "phase": "live",
        "attention": "odd",
        "totals": {**picture["totals"], **snapshots.LIVE["totals"]},
    }
    await communicator.disconnect()


async def test_a_change_of_phase_is_an_event() -> None:
    communicator = socket(bearer(await access_token()))
    await opened(communicator)
    await announce(1, snapshots.waiting())
    await heard(communicator)
    await announce(2, snapshots.live())
    events = (await heard(communicator))["events"]
    assert [(event["field"], event["before"], event["after"]) for event in events] == [
        ("status", "waiting", "live"),
        ("phase", "waiting", "live"),
    ]
    await communicator.disconnect()


async def test_a_picture_is_encoded_once_however_many_listen(hub: RuntimeHub) -> None:
    token = await access_token()
    sockets = [socket(bearer(token)) for _ in range(5)]
    for communicator in sockets:
        await opened(communicator)
    before = hub.encoded
    await announce(1, snapshots.live())
    texts = {await communicator.receive_from() for communicator in sockets}
    assert (len(texts), hub.encoded - before) == (1, 1)
    for communicator in sockets:
        await communicator.disconnect()


async def test_who_acknowledges_slowly_gets_the_newest_and_the_events_in_between(
    hub: RuntimeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []

    async def keep(text_data: str) -> None:
        sent.append(json.loads(text_data))

    slow = RuntimeSocket()
    monkeypatch.setattr(slow, "send", keep)
    slow._listener = await hub.join()
    pump = asyncio.create_task(slow._send_on(slow._listener))
    await ready()
    await slow.receive('{"type": "ack"}')
    newest = WINDOW + 2 * MOST_WAITING + 1
    for number in range(1, newest + 1):
        hub._take_in(number, snapshots.live(attention=str(number)))
        await ready()
    assert [message["sequence"] for message in sent] == list(range(WINDOW + 1))
    await slow.receive('{"type": "ack"}')
    await ready()
    late = sent[-1]
    assert (len(sent), late["type"], late["sequence"], late["previous"]) == (WINDOW + 2, "snapshot", newest, None)
    assert late["payload"]["attention"] == str(newest)
    assert [event["after"] for event in late["events"]] == [str(number) for number in range(WINDOW + 1, newest + 1)]
    pump.cancel()


async def test_a_sign_of_life_comes_when_nothing_changes(hub: RuntimeHub) -> None:
    communicator = socket(bearer(await access_token()))
    await opened(communicator)
    for listener in hub._listeners:
        listener.beat()
    beat = await heard(communicator)
    assert (beat["type"], beat["sequence"]) == ("heartbeat", 0)
    assert beat["at"].endswith("Z")
    await communicator.disconnect()


async def test_a_token_revoked_ends_the_open_socket(hub: RuntimeHub) -> None:
    actor = await database_sync_to_async(user)()
    token, secret = await database_sync_to_async(create_api_token)(actor=actor, name="feed", asked=["read"], days=1)
    communicator = socket(bearer(secret))
    await opened(communicator)
    await database_sync_to_async(revoke_api_token)(actor=actor, token_id=token.pk)
    for _ in range(4):
        for listener in hub._listeners:
            listener.beat()
    kinds = [(await heard(communicator))["type"] for _ in range(2)]
    assert kinds == ["heartbeat", "error"]
    assert await closed_with(communicator) == UNAUTHENTICATED


async def test_what_a_client_says_is_ignored_and_too_much_of_it_ends_the_connection() -> None:
    communicator = socket(bearer(await access_token()))
    await opened(communicator)
    for nonsense in ("not json", "[]", '{"type": "panic"}'):
        await communicator.send_to(text_data=nonsense)
    assert await communicator.receive_nothing(0.05)
    await communicator.send_to(text_data="x" * 2000)
    assert await closed_with(communicator) == 1009


async def test_the_last_one_out_stops_the_listening(hub: RuntimeHub) -> None:
    communicator = socket(bearer(await access_token()))
    await opened(communicator)
    assert hub._tasks
    await announce(1, snapshots.live())
    assert get_channel_layer().groups.get(GROUP)
    await communicator.disconnect()
    await ready()
    assert hub._tasks == []
    assert not get_channel_layer().groups.get(GROUP)


async def test_a_worker_that_died_is_shown_from_the_database_without_a_word_of_it(
    hub: RuntimeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_hub, "SILENCE_SECONDS", 0.01)
    engine = await database_sync_to_async(alive_engine)(**snapshots.live())
    communicator = socket(bearer(await access_token()))
    assert (await opened(communicator))["payload"]["worker"]["alive"] is True
    engine.updated_at = engine.updated_at.replace(year=2020)
    await database_sync_to_async(engine.save)()
    for _ in range(5):
        message = await heard(communicator)
        if message["payload"]["worker"]["alive"] is False:
            break
    assert message["payload"]["worker"]["alive"] is False
    await communicator.disconnect()
