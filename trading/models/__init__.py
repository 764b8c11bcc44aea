"""Models of the trading app."""

from trading.models.account import AccountReading, IgnoredPosition
from trading.models.alerts import Alert, AlertStatus, Lockout, LockoutKind, Severity
from trading.models.configuration import (
    ConfigurationRevision,
    ExpiryRuleChoice,
    Mode,
    RepeatChoice,
    StrikeModeChoice,
    TradingConfiguration,
    Underlying,
)
from trading.models.control import (
    CommandAction,
    CommandStatus,
    EngineCommand,
    EngineLease,
    RuntimeSnapshot,
    TradingMode,
    TradingModeChoice,
)
from trading.models.ledger import FillLedger, OrderLedger, PositionLedger, SettlementLedger
from trading.models.preflight import PreflightRun
from trading.models.session import DecisionRecord, DecisionTrace, PnlPoint, SessionStatus, StrategySession

__all__ = [
    "AccountReading",
    "Alert",
    "AlertStatus",
    "CommandAction",
    "CommandStatus",
    "ConfigurationRevision",
    "DecisionRecord",
    "DecisionTrace",
    "EngineCommand",
    "EngineLease",
    "ExpiryRuleChoice",
    "FillLedger",
    "IgnoredPosition",
    "Lockout",
    "LockoutKind",
    "Mode",
    "OrderLedger",
    "PnlPoint",
    "PositionLedger",
    "PreflightRun",
    "RepeatChoice",
    "RuntimeSnapshot",
    "SessionStatus",
    "SettlementLedger",
    "Severity",
    "StrategySession",
    "StrikeModeChoice",
    "TradingConfiguration",
    "TradingMode",
    "TradingModeChoice",
    "Underlying",
]
