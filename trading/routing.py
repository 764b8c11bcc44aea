"""WebSocket routes: all panels for the live page, the bar alone for every other page, JSON for scripts."""

from __future__ import annotations

from typing import Any

from django.urls import path

from trading.consumers import RuntimeConsumer
from trading.panels import PANELS
from trading.runtime_socket import RuntimeSocket

websocket_urlpatterns: list[Any] = [
    path("ws/live/", RuntimeConsumer.as_asgi(names=tuple(PANELS))),
    path("ws/bar/", RuntimeConsumer.as_asgi(names=("bar",))),
    path("ws/runtime/", RuntimeSocket.as_asgi()),
]
