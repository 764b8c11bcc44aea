"""``manage.py runworker strangle-engine``: the trading process of the split layout."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.management.commands.runworker import Command as ChannelsCommand
from channels.routing import get_default_application
from channels.worker import Worker
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError

from trading.worker import run_worker

ENGINE_CHANNEL = "strangle-engine"


class Command(ChannelsCommand):
    """Hosts the engine beside the stock listener; ends cleanly on SIGTERM and SIGINT, survives a restart of Redis."""

    help = "Run the strangle engine and listen on its channel."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop. Exits 1 when the engine cannot be built."""
        from channels.layers import get_channel_layer

        layer = get_channel_layer(options["layer"])
        if layer is None:
            raise CommandError("No channel layer is configured.")
        if ENGINE_CHANNEL not in options["channels"]:
            raise CommandError(f"This worker hosts the engine: run it as 'manage.py runworker {ENGINE_CHANNEL}'.")
        worker = Worker(application=get_default_application(), channels=options["channels"], channel_layer=layer)
        try:
            asyncio.run(run_worker(worker.handle))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
