"""`/ws/runtime/`: the runtime picture as JSON for scripts (docs/api.md has the messages)."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.models import User
from accounts.permissions import VIEW_REFUSED, can_view
from accounts.sockets import SUBPROTOCOL, user_of_bearer
from deltastrangle.exceptions import ApplicationError, NotAuthenticated, PermissionRefused
from trading import runtime_hub
from trading.runtime_hub import Listener, encode

log = logging.getLogger(__name__)

UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
TOO_BIG: Final = 1009
CHECK_EVERY_BEATS: Final = 4
"""So often, about once a minute, a socket that is open must still be allowed to be."""
WINDOW: Final = 4
"""A client that acknowledges has at most so many messages on their way; of what comes meanwhile the newest waits."""
LONGEST_INPUT: Final = 1024


class RuntimeSocket(AsyncWebsocketConsumer):
    """Sends a snapshot at once, then what changes. A client that acknowledges is never sent more than it reads."""

    def __init__(self) -> None:
        super().__init__()
        self._listener: Listener | None = None
        self._pump: asyncio.Task[None] | None = None
        self._acknowledges = False
        self._on_their_way = 0

    async def connect(self) -> None:
        """Accept and begin; or accept, say why not, and close with 4401 or 4403."""
        offered = self.scope.get("subprotocols") or []
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            if refusal := self.scope.get("refusal"):
                raise refusal
            await database_sync_to_async(_require_viewer)(self.scope.get("user"))
        except ApplicationError as refusal:
            await self._refuse(refusal)
            return
        self._listener = await runtime_hub.hub.join()
        self._pump = asyncio.create_task(self._send_on(self._listener))

    async def disconnect(self, code: int) -> None:
        """Stop sending."""
        if self._listener is not None:
            runtime_hub.hub.leave(self._listener)
        if self._pump is not None and self._pump is not asyncio.current_task():
            self._pump.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take an acknowledgement, ``{"type": "ack"}``; anything else is ignored. Commands are POSTs."""
        if len(text_data or bytes_data or "") > LONGEST_INPUT:
            await self.close(code=TOO_BIG)
            return
        with suppress(ValueError):
            said = json.loads(text_data or "")
            if isinstance(said, dict) and said.get("type") == "ack":
                self._acknowledges, self._on_their_way = True, 0
                if self._listener is not None:
                    self._listener.wake.set()

    async def _send_on(self, listener: Listener) -> None:
        checked = 0
        while True:
            await listener.wake.wait()
            listener.wake.clear()
            while self._may_send() and (text := listener.take()) is not None:
                self._on_their_way += 1
                await self.send(text_data=text)
            if listener.beats >= checked + CHECK_EVERY_BEATS:
                checked = listener.beats
                if refusal := await database_sync_to_async(_still_allowed)(self.scope):
                    await self._refuse(refusal)
                    return

    def _may_send(self) -> bool:
        return not self._acknowledges or self._on_their_way < WINDOW

    async def _refuse(self, refusal: ApplicationError) -> None:
        await self.send(text_data=encode({"type": "error", "code": refusal.code, "detail": refusal.detail}))
        await self.close(code=UNAUTHENTICATED if isinstance(refusal, NotAuthenticated) else FORBIDDEN)


def _require_viewer(user: Any) -> None:
    if not isinstance(user, User) or not user.is_authenticated:
        raise NotAuthenticated("Not authenticated")
    if not can_view(user):
        raise PermissionRefused(VIEW_REFUSED)


def _still_allowed(scope: Any) -> ApplicationError | None:
    """Why an open socket must end: its token has, or the user's right or the user has gone."""
    try:
        if raw := scope.get("bearer"):
            _require_viewer(user_of_bearer(raw))
        else:
            _require_viewer(User.objects.filter(pk=scope["user"].pk, is_active=True).first())
    except ApplicationError as refusal:
        return refusal
    return None
