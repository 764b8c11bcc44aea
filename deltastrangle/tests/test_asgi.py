"""The three protocols reach the right place, and the web keeps its distance from the venue."""

from __future__ import annotations

from pathlib import Path

import pytest
from channels.testing import WebsocketCommunicator

from deltastrangle.asgi import application
from deltastrangle.tests.test_settings import SECRETS, run

LOADED = "import sys, deltastrangle.asgi, deltastrangle.urls; print([n for n in sys.modules if 'trading.venues' in n])"


def test_a_web_process_loads_no_venue(tmp_path: Path) -> None:
    # Resolving an address loads every view.
    result = run(tmp_path, "-c", f"{LOADED[:-1]}, __import__('django.urls').urls.resolve('/').url_name)", **SECRETS)
    assert (result.returncode, result.stdout.strip()) == (0, "[] live"), result.stderr


@pytest.mark.parametrize("origin", [b"https://evil.example", b"http://localhost.evil.example"])
async def test_a_socket_from_another_origin_is_refused(origin: bytes) -> None:
    headers = [(b"origin", origin), (b"host", b"localhost")]
    socket = WebsocketCommunicator(application, "/ws/live/", headers=headers)
    connected, _ = await socket.connect()
    assert not connected
