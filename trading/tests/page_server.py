"""A web process for the browser tests: the real ASGI application, with an engine that plays scenes instead of trading.

``python -m trading.tests.page_server PORT`` with ``DATA_DIR`` set. It migrates and fills the database there,
then publishes the scene whose name is in ``DATA_DIR/scene`` four times a second, as the worker would; ``silent``
publishes nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import django

OPERATOR: Final = "operator@example.com"
VIEWER: Final = "viewer@example.com"
PASSWORD: Final = "correct horse battery staple"
FOREIGN: Final = "C-BTC-90000-050926"
FOREIGN_VERSION: Final = 7


def _scenes() -> dict[str, Callable[..., dict[str, Any]]]:
    from trading.tests import snapshots

    return {"live": snapshots.live, "idle": snapshots.idle, "waiting": snapshots.waiting, "foreign": snapshots.live}


def prepare() -> int:
    """Tables, two users, an active configuration and one finished and one open session; returns the open one's id."""
    from django.core.management import call_command

    from trading.tests.factories_control import configuration, session, user
    from trading.tests.session_rows import decisions_of, finished_session

    call_command("migrate", verbosity=0)
    for role, email in (("operator", OPERATOR), ("viewer", VIEWER)):
        made = user(role, email)
        made.set_password(PASSWORD)
        made.save()
    active = configuration("Daily BTC 0.10–0.15")
    running = session(active)
    decisions_of(running)
    finished_session(active)
    return running.pk


async def play(data: Path, session_id: int) -> None:
    """Publish the scene of the moment for ever."""
    from channels.db import database_sync_to_async

    from trading.publish import announce

    sequence = 0
    while True:
        name = "idle"
        with suppress(FileNotFoundError):
            name = (data / "scene").read_text().strip()
        if name in _scenes():
            sequence += 1
            payload = _payload(name, sequence, session_id)
            await database_sync_to_async(_store)(sequence, payload, session_id)
            await announce(sequence, payload)
        await asyncio.sleep(0.25)


def _payload(name: str, sequence: int, session_id: int) -> dict[str, Any]:
    payload = _scenes()[name]()
    clock = datetime.fromisoformat(payload["venue"]["clock"]) + timedelta(seconds=sequence / 4)
    payload["venue"] = {**payload["venue"], "clock": clock.isoformat(), "speed": 1}
    if payload["session_id"]:
        payload["session_id"] = session_id
    payload["account"] = {"version": FOREIGN_VERSION if name == "foreign" else 1}
    return payload


def _store(sequence: int, payload: dict[str, Any], session_id: int) -> None:
    from django.utils import timezone

    from trading.models import RuntimeSnapshot, StrategySession

    status = "running" if payload["session_id"] else "stopped"
    StrategySession.objects.filter(pk=session_id).update(status=status, phase=payload["phase"])
    account(payload)
    RuntimeSnapshot.objects.update_or_create(
        name="engine",
        defaults={"owner": "host:1", "sequence": sequence, "payload": payload, "updated_at": timezone.now()},
    )


def account(payload: dict[str, Any]) -> None:
    """What the scene's account holds: in ``foreign`` a position that is nobody's, else only the session's."""
    from django.utils import timezone

    from trading.models import AccountReading

    foreign = payload.get("account", {}).get("version") == FOREIGN_VERSION
    rows = [{"symbol": FOREIGN, "size": -4, "entry_price": "321.5"}] if foreign else []
    now = timezone.now()
    changes = {"read_at": now, "tried_at": now, "positions": rows}
    AccountReading.objects.update_or_create(mode="paper", defaults=changes)


def main(port: int) -> None:
    """Serve on 127.0.0.1:``port`` until killed."""
    from daphne.server import Server, twisted_loop

    django.setup()
    session_id = prepare()
    from deltastrangle.asgi import application

    asyncio.set_event_loop(twisted_loop)
    player = twisted_loop.create_task(play(Path(os.environ["DATA_DIR"]), session_id))
    Server(application=application, endpoints=[f"tcp:port={port}:interface=127.0.0.1"], signal_handlers=True).run()
    player.cancel()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deltastrangle.settings")
    main(int(sys.argv[1]))
