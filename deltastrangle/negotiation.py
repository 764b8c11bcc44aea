"""What the API answers in: its own format, whatever the client says it accepts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OwnFormat(DefaultContentNegotiation):
    """A view's first renderer. `?format=csv` stays the view's own parameter, and `Accept: text/csv` is not refused."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """The first renderer and its media type."""
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)
