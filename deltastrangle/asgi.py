"""The ASGI entry point: HTTP to Django, WebSockets to `trading.routing`, the engine's channel to `trading.worker`."""

from __future__ import annotations

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deltastrangle.settings")
django.setup(set_prefix=False)

# Everything below needs Django to be set up first.
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter  # noqa: E402

from accounts.sockets import CredentialMiddleware  # noqa: E402
from deltastrangle.handler import ThreadHandler  # noqa: E402
from deltastrangle.memory import settle_memory  # noqa: E402
from logviewer.tail import tailed  # noqa: E402
from trading.routing import websocket_urlpatterns  # noqa: E402
from trading.watchman import watched  # noqa: E402


async def engine_channel(scope: Any, receive: Any, send: Any) -> None:
    """Serve the engine's channel; imported at the first message, so that a web process never loads a venue."""
    from trading.worker import EngineConsumer

    await EngineConsumer.as_asgi()(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": tailed(watched(ThreadHandler())),
        "websocket": CredentialMiddleware(URLRouter(websocket_urlpatterns)),
        "channel": ChannelNameRouter({"strangle-engine": engine_channel}),
    }
)
settle_memory()
