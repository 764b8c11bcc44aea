"""The panels of the live page: each has a builder, a partial, a root element with the id ``panel-<name>`` and a URL.

The same partial is rendered into the page, by its URL, and by the WebSocket with ``oob=True``. What is pushed is the
same for every viewer; ``control`` depends on the user and is therefore never pushed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from trading.panels import figures, last, platform
from trading.panels.records import Records, Runtime

OUT_OF_BAND: Final = mark_safe(' hx-swap-oob="true"')
Builder = Callable[[Runtime, Records], dict[str, Any]]

PANELS: Final[Mapping[str, Builder]] = {
    "bar": platform.bar,
    "alerts": platform.alerts,
    "hero": figures.hero,
    "control_note": platform.control_note,
    "schedule": figures.schedule,
    "last": last.last,
    "legs": figures.legs,
    "payoff": figures.payoff,
    "rules": figures.rules,
    "decisions": platform.decisions,
    "orders": platform.orders,
    "risk": figures.risk,
    "venue": platform.venue,
    "gates": platform.gates,
}
"""Every pushed panel, in the order of the page."""


def root(name: str, *, oob: bool = False) -> SafeString:
    """The attributes of a panel's root element."""
    return format_html('id="panel-{}"{}', name, OUT_OF_BAND if oob else "")


def render_panel(name: str, runtime: Runtime, records: Records, *, oob: bool = False) -> SafeString:
    """The HTML of one pushed panel. Raises ``KeyError`` for a name that is none."""
    context = {"root": root(name, oob=oob), **PANELS[name](runtime, records)}
    return render_to_string(f"trading/panels/_{name}.html", context)


def render_panels(names: Iterable[str], runtime: Runtime, records: Records) -> dict[str, str]:
    """Panels by name as the WebSocket sends them: out of band."""
    return {name: render_panel(name, runtime, records, oob=True) for name in names}
