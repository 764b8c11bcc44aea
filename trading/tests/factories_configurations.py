"""What the configuration tests share: users by role, complete values, a running session."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import AuditEvent, User
from accounts.services import create_user
from trading.models import StrategySession, TradingConfiguration
from trading.selectors.configurations import newest_revision
from trading.services.configurations import create_configuration

PASSWORD = "correct horse 7 battery"


def user(role: str = "operator") -> User:
    """The user of that role, made when first asked for."""
    email = f"{role}@example.com"
    return User.objects.filter(email=email).first() or create_user(
        actor=None, email=email, password=PASSWORD, role=role, source="command"
    )


def signed_in(role: str = "operator", *, staff: bool = False) -> Client:
    """A browser of that user."""
    somebody = user(role)
    User.objects.filter(pk=somebody.pk).update(is_staff=staff)
    client = Client()
    client.force_login(somebody, backend="django.contrib.auth.backends.ModelBackend")
    return client


def values(**changes: Any) -> dict[str, Any]:
    """What a client of the reference posts, with ``changes``."""
    return {
        "name": "Production Profile",
        "underlying": "BTC",
        "delta_range_low": 0.10,
        "delta_range_high": 0.15,
        "trade_time_ist": "09:30",
        "exit_time_ist": "15:20",
        "quantity": 100,
        "contract_size": 0.001,
        "max_loss_pct": 40,
        "max_profit_pct": 80,
        "trailing_sl_enabled": True,
        "trailing_rules": {"0.20": 0.0, "0.30": 0.10},
        **changes,
    }


def configuration(**changes: Any) -> TradingConfiguration:
    """A stored configuration."""
    return create_configuration(actor=user(), values=values(**changes))


def running_session(of: TradingConfiguration) -> StrategySession:
    """An open session with the newest revision of a configuration."""
    revision = newest_revision(of.pk)
    return StrategySession.objects.create(
        strategy_id="delta-strangle-20261122093000",
        mode=of.mode,
        configuration=of,
        revision=revision,
        config_snapshot=revision.values,
    )


def audit() -> list[tuple[str, str, str]]:
    """Action, outcome and source of every audit event about configurations, oldest first."""
    events = AuditEvent.objects.filter(action__startswith="configuration.").order_by("id")
    return list(events.values_list("action", "outcome", "source"))
