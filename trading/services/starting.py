"""What must be so before a session may be opened."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils import timezone

from deltastrangle.exceptions import Conflict, NotFound
from trading.models import ExpiryRuleChoice, Mode, TradingConfiguration, TradingModeChoice
from trading.selectors.configurations import active_configuration, get_by_name, get_configuration
from trading.selectors.preflight import preflight_refusal
from trading.selectors.runtime import ModeView, trading_mode
from trading.services.guards import invalid
from trading.services.lockouts import require_unlocked
from trading.strategy.schedule import trading_day

WAY_OUT: Final = "Resume on the Live Control page, or with: manage.py resume_trading --confirm RESUME"


class EntriesLocked(Conflict):
    """The platform's trading mode lets nothing new be entered."""

    code = "entries_locked"

    def __init__(self, mode: ModeView) -> None:
        who = f" by {mode.changed_by}" if mode.changed_by else ""
        why = f" ({mode.reason})" if mode.reason else ""
        super().__init__(
            f"Trading mode is '{mode.mode}'{who}{why}: no new entries. {WAY_OUT}", mode=mode.mode, reason=mode.reason
        )


def chosen_configuration(identity: int | None, name: str | None) -> TradingConfiguration:
    """The configuration with this id, else with this name in any case, else the active one. Raises ``NotFound``."""
    if identity is not None:
        return get_configuration(identity)
    if name:
        return get_by_name(name)
    active = active_configuration()
    if active is None:
        raise NotFound("No configuration is active. Activate one, or say which to use.")
    return active


def require_startable(configuration: TradingConfiguration) -> None:
    """Raise ``EntriesLocked``, ``LockedOut`` or ``InvalidInput`` (``mode``, ``expiry_date``) unless a session may open
    now.
    """
    mode = trading_mode()
    if mode.mode != TradingModeChoice.ACTIVE:
        raise EntriesLocked(mode)
    require_unlocked(configuration.mode)
    missing = missing_for_mode(configuration)
    if missing:
        raise invalid("mode", f"Mode '{configuration.mode}' cannot start. {' '.join(missing)}")
    _require_expiry_ahead(configuration)


def missing_for_mode(configuration: TradingConfiguration) -> list[str]:
    """What the configuration's mode still lacks here, a sentence each. Whether the worker holds keys only it knows."""
    missing: list[str] = []
    if configuration.mode in (Mode.TESTNET, Mode.LIVE) and settings.STRANGLE_LAYOUT != "split":
        missing.append(
            "It needs the split layout (STRANGLE_LAYOUT=split with a worker of its own): "
            "the exchange's keys belong where no page is served."
        )
    if configuration.mode == Mode.LIVE:
        missing += _missing_for_live(configuration)
    return missing


def _missing_for_live(configuration: TradingConfiguration) -> list[str]:
    missing: list[str] = []
    if not settings.DELTA_LIVE_TRADING:
        missing.append("Live trading is switched off (DELTA_LIVE_TRADING).")
    if not configuration.confirmed_for_live:
        missing.append(
            f"Revision {configuration.revision} of '{configuration.name}' is not confirmed for live trading; "
            "confirm it by typing its name."
        )
    if stale := preflight_refusal(Mode.LIVE.value):
        missing.append(stale)
    return missing


def _require_expiry_ahead(configuration: TradingConfiguration) -> None:
    expiry = configuration.expiry_date
    if configuration.expiry_rule != ExpiryRuleChoice.FIXED or expiry is None or expiry >= trading_day(timezone.now()):
        return
    message = (
        f"Configured expiry date {expiry:%d-%m-%Y} ({expiry.isoformat()}) has already passed; "
        "update the trading configuration."
    )
    raise invalid("expiry_date", message)
