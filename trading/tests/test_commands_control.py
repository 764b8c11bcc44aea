"""``manage.py start``, ``stop``, ``restart``, ``panic``, ``status`` and ``resume_trading``.

The engine is played by what happens while a command sleeps between two looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import AuditEvent
from trading.management.base import EngineCommandBase
from trading.management.commands import panic, restart, resume_trading, start, status, stop
from trading.models import EngineCommand, EngineLease, RuntimeSnapshot, SessionStatus, StrategySession
from trading.opening import open_session
from trading.selectors.runtime import trading_mode
from trading.services.control import set_trading_mode
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db


class Engine:
    """Time that passes by sleeping, and an engine that acts in the meantime."""

    def __init__(self, act: Callable[[], None] | None = None) -> None:
        self.now = 1000.0
        self.act = act

    def sleep(self, seconds: float) -> None:
        """Let the engine act."""
        self.now += seconds
        if self.act is not None:
            self.act()

    def run(self, command: type[EngineCommandBase], *args: str, **given: Any) -> str:
        """The command's output."""
        out = StringIO()
        made = command(stdout=out, stderr=out, sleep=self.sleep, monotonic=lambda: self.now, **given)
        try:
            call_command(made, *args)
        except CommandError as error:
            error.output = out.getvalue()  # type: ignore[attr-defined]
            raise
        return out.getvalue()


def acknowledge() -> None:
    """Settle what waits."""
    for command in EngineCommand.objects.filter(status="pending"):
        make.settle(command, message="on it")


def acknowledge_and_close() -> None:
    """Settle what waits and end the session."""
    acknowledge()
    for session in StrategySession.objects.filter(status=SessionStatus.RUNNING):
        make.close(session)


def test_start_waits_for_the_engines_word() -> None:
    make.configuration()
    out = Engine(acknowledge).run(start.Command, "--now")
    session = StrategySession.objects.get()
    assert session.enter_now is True
    assert "Strategy start initiated" in out
    assert session.strategy_id in out
    assert "The engine acknowledged: on it" in out
    assert AuditEvent.objects.get(action="control.start").source == "command"


def test_start_takes_a_configuration_by_name() -> None:
    make.configuration("Active")
    make.configuration("Other", active=False)
    Engine(acknowledge).run(start.Command, "--configuration", "Other")
    configuration = StrategySession.objects.get().configuration
    assert configuration is not None
    assert configuration.name == "Other"


def test_start_exits_three_when_no_engine_answers() -> None:
    make.configuration()
    engine = Engine()
    with pytest.raises(CommandError, match="did not acknowledge within 15 s") as caught:
        engine.run(start.Command)
    assert caught.value.returncode == 3
    assert engine.now == pytest.approx(1015)


def test_a_living_engine_may_take_longer_to_answer() -> None:
    old = make.session()
    make.alive_engine()
    EngineLease.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    looks = 0

    def act() -> None:
        nonlocal looks
        looks += 1
        if looks == 100:
            acknowledge_and_close()
            assert old.configuration is not None
            open_session(configuration=old.configuration, started_by=None)

    assert "The engine acknowledged" in Engine(act).run(restart.Command)


def test_start_waits_no_longer_than_told() -> None:
    make.configuration()
    with pytest.raises(CommandError, match="did not acknowledge within 2 s") as caught:
        Engine().run(start.Command, "--timeout", "2")
    assert caught.value.returncode == 3


def test_start_exits_one_when_refused() -> None:
    make.session()
    with pytest.raises(CommandError, match="Strategy already running") as caught:
        Engine().run(start.Command)
    assert caught.value.returncode == 1


def test_start_exits_one_when_the_engine_failed() -> None:
    make.configuration()

    def fail() -> None:
        make.settle(EngineCommand.objects.get(), ok=False, message="no venue")

    with pytest.raises(CommandError, match="no venue") as caught:
        Engine(fail).run(start.Command)
    assert caught.value.returncode == 1


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "nan", "inf"])
def test_a_timeout_must_be_a_time(timeout: str) -> None:
    with pytest.raises(CommandError, match="--timeout"):
        Engine().run(start.Command, "--timeout", timeout)
    assert not StrategySession.objects.exists()


def test_start_and_wait_tells_how_it_goes_and_how_it_went() -> None:
    make.configuration()
    looks = 0

    def trade() -> None:
        nonlocal looks
        looks += 1
        acknowledge()
        session = StrategySession.objects.get()
        if looks == 1:
            make.alive_engine(session_id=session.pk, phase="live", totals={"total_pnl": 3.5, "total_pnl_pct": 12.0})
        if looks == 40:
            symbol = make.leg(session, "call").symbol
            make.order(session, "1-CE-e-1", "sell", "240", symbol)
            make.order(session, "1-CE-x-1", "buy", "100.5", symbol)
            make.close(session, "max_profit")

    lines = [line.split() for line in Engine(trade).run(start.Command, "--now", "--wait").splitlines()]
    assert ["live", "net", "+3.50", "USD", "(+12.0", "%)"] in lines
    assert ["exit", "reason", "max_profit"] in lines
    assert ["call", "100", "x", "C-BTC-80000-241126:", "sold", "at", "240,", "bought", "at", "100"] in lines
    assert ["orders", "2", "orders,", "4", "fills"] in lines
    assert ["credits", "+24.00", "USD"] in lines
    assert ["debits", "-10.05", "USD"] in lines
    assert ["fees", "-0.20", "USD"] in lines
    assert ["net", "+13.75", "USD"] in lines


def test_start_and_wait_has_patience_with_a_session_that_has_no_figures_yet() -> None:
    make.configuration()

    def wait() -> None:
        acknowledge()
        if not RuntimeSnapshot.objects.exists():
            session = StrategySession.objects.get()
            totals = {"total_pnl": None, "total_pnl_pct": None}
            make.alive_engine(session_id=session.pk, phase="waiting", totals=totals)

    with pytest.raises(CommandError, match="still open") as caught:
        Engine(wait).run(start.Command, "--wait", "--timeout", "10")
    assert "waiting    net -" in caught.value.output  # type: ignore[attr-defined]


def test_start_and_wait_says_when_the_engine_falls_silent() -> None:
    make.configuration()

    def trade() -> None:
        acknowledge()
        if not RuntimeSnapshot.objects.exists():
            make.alive_engine()
        RuntimeSnapshot.objects.update(updated_at=timezone.now() - timedelta(seconds=42))

    with pytest.raises(CommandError, match="still open") as caught:
        Engine(trade).run(start.Command, "--wait", "--timeout", "30")
    assert caught.value.returncode == 3
    assert "engine silent for 42 s" in caught.value.output  # type: ignore[attr-defined]


def test_stop_waits_until_the_session_is_over() -> None:
    make.session()
    out = Engine(acknowledge_and_close).run(stop.Command, "--leave-open", "--reason", "lunch")
    command = EngineCommand.objects.get()
    assert (command.leave_open, command.reason) == (True, "lunch")
    assert "Stop signal dispatched" in out
    assert "stopped" in out


def test_stop_exits_three_when_the_session_does_not_end() -> None:
    make.session()
    with pytest.raises(CommandError, match="still open") as caught:
        Engine(acknowledge).run(stop.Command, "--timeout", "30")
    assert caught.value.returncode == 3


def test_stop_without_a_session_is_done_at_once() -> None:
    assert "No active strategy to stop" in Engine().run(stop.Command)


def test_restart_waits_for_the_next_session() -> None:
    old = make.session()

    def act() -> None:
        if EngineCommand.objects.filter(status="pending").exists():
            acknowledge_and_close()
            assert old.configuration is not None
            open_session(configuration=old.configuration, started_by=None)

    out = Engine(act).run(restart.Command, "--now")
    assert "Strategy restart initiated" in out
    assert f"(#{StrategySession.objects.latest('id').pk})" in out


def test_restart_exits_three_when_no_session_follows() -> None:
    make.session()
    with pytest.raises(CommandError, match="not been opened") as caught:
        Engine(acknowledge).run(restart.Command, "--timeout", "5")
    assert caught.value.returncode == 3


def test_restart_without_a_session_starts_and_can_wait() -> None:
    make.configuration()
    out = Engine(acknowledge_and_close).run(restart.Command, "--wait")
    assert "Strategy start initiated" in out
    assert "exit reason" in out


def test_panic_halts_and_waits_until_flat() -> None:
    make.session()
    make.alive_engine()
    flattened: list[float] = []
    out = Engine(acknowledge_and_close).run(panic.Command, "--reason", "crash", flatten=flattened.append)
    assert trading_mode().mode == "halted"
    assert EngineCommand.objects.get().action == "panic"
    assert "Panic close triggered and strategy halted" in out
    assert flattened == []


def test_panic_flattens_by_itself_when_the_lease_is_stale() -> None:
    session = make.session()
    make.alive_engine()
    EngineLease.objects.update(expires_at=timezone.now())
    out = Engine().run(panic.Command, flatten=lambda seconds: make.close(session, "panic_close"))
    assert "flattening from here" in out
    assert "panic_close" in out


def test_panic_keeps_trying_when_flattening_fails_at_first() -> None:
    session = make.session()
    attempts = 0

    def flatten(seconds: float) -> None:
        assert 0 < seconds <= 120
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionError("venue down")
        make.close(session, "panic_close")

    out = Engine().run(panic.Command, flatten=flatten)
    assert out.count("venue down") == 2
    assert "panic_close" in out


def test_panic_exits_three_when_it_is_not_flat_in_time() -> None:
    make.session()
    make.alive_engine()
    EngineLease.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    with pytest.raises(CommandError, match="still open") as caught:
        Engine().run(panic.Command, "--timeout", "10")
    assert caught.value.returncode == 3


def test_panic_without_a_session_halts() -> None:
    assert "No active strategy to panic close" in Engine().run(panic.Command)
    assert trading_mode().mode == "halted"


def test_status_shows_the_runtime_of_a_living_engine() -> None:
    session = make.session()
    make.alive_engine(
        session_id=session.pk,
        strategy_id=session.strategy_id,
        phase="live",
        mode="paper",
        positions=[{"leg": "call", "symbol": "C-BTC", "open_size": 100, "pnl_abs": 2.25}],
        totals={"total_pnl": -1.5, "total_pnl_pct": -3.0},
        schedule={"planned_exit_at": "2026-11-23T09:50:00Z"},
    )
    out = Engine().run(status.Command)
    for text in ("alive", "live", session.strategy_id, "100 x C-BTC: +2.25 USD", "-1.50 USD (-3.0 %)", "planned exit"):
        assert text in out


def test_status_exits_three_without_an_engine_and_names_the_open_session() -> None:
    session = make.session()
    with pytest.raises(CommandError, match="No engine is running") as caught:
        Engine().run(status.Command)
    assert caught.value.returncode == 3
    output = caught.value.output  # type: ignore[attr-defined]
    assert "NOT RUNNING" in output
    assert session.strategy_id in output
    assert "Demo, revision 1" in output


def test_status_can_be_read_by_a_program() -> None:
    make.alive_engine()
    assert json.loads(Engine().run(status.Command, "--json"))["worker"]["alive"] is True


def test_resume_trading_needs_the_word() -> None:
    set_trading_mode(actor=None, source="command", mode="halted")
    with pytest.raises(CommandError, match="RESUME") as caught:
        Engine().run(resume_trading.Command, "--confirm", "yes")
    assert caught.value.returncode == 1
    assert trading_mode().mode == "halted"
    assert "halted -> active" in Engine().run(resume_trading.Command, "--confirm", "RESUME")
    assert trading_mode().mode == "active"


def test_resume_trading_refuses_to_run_without_a_confirmation() -> None:
    with pytest.raises(CommandError, match="--confirm"):
        Engine().run(resume_trading.Command)
