"""``manage.py manual_order``: one order by hand, outside of any session. Shows the request, asks, sends once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from accounts.services import record_event
from trading.management.delta_tool import DeltaTool, said
from trading.services.guards import LOCAL
from trading.strategy.types import OrderIntent, OrderReport, Side
from trading.venue_factory import account_config
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta_tools.orders import ManualDesk

FATE_UNKNOWN: Final = "Whether the exchange took the order is not known. Look with: manage.py positions"
Ask = Callable[[str], str]


class Command(DeltaTool):
    """The engine knows nothing of such an order; a session that holds the same option will see a foreign position."""

    help = "Send one order by hand: shows the exact request, asks, and sends it once."

    def __init__(self, *args: Any, ask: Ask = input, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask = ask

    def add_arguments(self, parser: CommandParser) -> None:
        """What to trade, and where."""
        parser.add_argument("symbol", help="An option, like C-BTC-90000-310125.")
        parser.add_argument("side", choices=[side.value for side in Side])
        parser.add_argument("size", type=int, help="Contracts.")
        parser.add_argument("--limit", type=_price, default=None, help="Limit in USD; without it, a market order.")
        parser.add_argument("--reduce-only", action="store_true", help="Only ever shrink what is held.")
        parser.add_argument("--dry-run", action="store_true", help="Show the request and send nothing.")
        self.add_mode(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Show; unless it is a dry run ask, send, and tell what became of it."""
        if options["size"] < 1:
            raise CommandError("size must be at least 1", returncode=2)
        if options["mode"] == "live" and not settings.DELTA_LIVE_TRADING and not options["dry_run"]:
            raise CommandError("Live trading is switched off (DELTA_LIVE_TRADING).")
        with said():
            config = account_config(options["mode"])
        intent, shown = self.at_exchange(_preview(config, options))
        self.stdout.write(f"{shown}\n\nMode {options['mode']}. Signed anew, with a new timestamp, when it is sent.")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was sent.")
            return
        if not self._confirmed(intent):
            raise CommandError("Not confirmed: nothing was sent.")
        self._send(config, intent, options["mode"])

    def _confirmed(self, intent: OrderIntent) -> bool:
        """Whether somebody typed the symbol; nobody at the keyboard is a no."""
        try:
            return self.ask(f"Type {intent.symbol} to send it: ").strip() == intent.symbol
        except EOFError:
            return False

    def _send(self, config: DeltaConfig, intent: OrderIntent, mode: str) -> None:
        detail: dict[str, object] = {"mode": mode, "client_order_id": intent.client_order_id}
        detail |= {"side": intent.side.value, "size": intent.size, "limit": str(intent.limit_price or "market")}
        # Before it leaves: an order without a trace would be worse than a trace without an order.
        with said():
            self._audit("ask", "ok", intent, detail)
        try:
            report = self.at_exchange(_place(config, intent))
        except CommandError as refusal:
            cause = refusal.__cause__
            known = isinstance(cause, DeltaError) and cause.definitive
            self._audit("send", "refused" if known else "failed", intent, {**detail, "reason": str(refusal)})
            raise CommandError(str(refusal) if known else f"{refusal} {FATE_UNKNOWN}") from cause
        price = "" if report.average_price is None else f" at {report.average_price:f}"
        state = report.status.value if report.status else report.outcome.value
        self.stdout.write(f"Order {report.venue_order_id}: {state}, {report.filled} of {intent.size} filled{price}")
        with said():
            self._audit("send", "ok", intent, {**detail, "order_id": report.venue_order_id, "filled": report.filled})

    def _audit(self, step: str, outcome: str, intent: OrderIntent, detail: dict[str, object]) -> None:
        action = f"manual_order.{step}"
        record_event(actor=None, action=action, outcome=outcome, target=intent.symbol, source=LOCAL, detail=detail)


async def _preview(config: DeltaConfig, options: dict[str, Any]) -> tuple[OrderIntent, str]:
    desk = ManualDesk(config)
    try:
        intent = await desk.intent(
            options["symbol"],
            Side(options["side"]),
            options["size"],
            limit=options["limit"],
            reduce_only=options["reduce_only"],
            client_order_id=f"manual-{secrets.token_hex(6)}",
        )
        return intent, await desk.preview(intent)
    finally:
        await desk.close()


async def _place(config: DeltaConfig, intent: OrderIntent) -> OrderReport:
    desk = ManualDesk(config)
    try:
        return await desk.place(intent)
    finally:
        await desk.close()


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not price.is_finite():
        raise ValueError(text)
    return price
