"""The panels: figures, drawings, alerts and words, from runtime pictures alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.panels import PANELS, figures, formats, platform, render_panel
from trading.panels.alerts import alerts
from trading.panels.charts import payoff_chart, pnl_chart
from trading.panels.control import Button, control
from trading.panels.records import Records
from trading.panels.timeline import timeline
from trading.panels.words import EXIT_REASONS, leg_name, order_words, phase_words, reason_words
from trading.strategy.types import ExitReason, Phase
from trading.tests import snapshots

NONE = Records()


def html(name: str, runtime: dict[str, Any]) -> str:
    """A panel with its no-break spaces made plain."""
    return str(render_panel(name, runtime, NONE)).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14.62, "+$14.62"),
        (-1.92, "−$1.92"),
        (0, "$0.00"),
        (-0.001, "$0.00"),
        (1234567.5, "+$1,234,567.50"),
        (None, "–"),
    ],
)
def test_money_carries_its_sign_and_a_real_minus(value: object, text: str) -> None:
    assert formats.money(value) == text


def test_a_figure_is_rounded_half_up_and_never_to_a_negative_zero() -> None:
    assert formats.number("2.675") == "2.68"
    assert formats.number("-0.004") == "0.00"
    assert formats.number("NaN") == formats.number("junk") == formats.number(True) == "–"


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [(79412.5, 0.5, "79,412.5"), (152, 0.1, "152.0"), (80800, 5, "80,800"), (1.234, 0.05, "1.23"), (7, None, "7.0")],
)
def test_a_price_has_the_decimals_of_its_tick(value: object, tick: object, text: str) -> None:
    assert formats.price(value, tick) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(14_880, "4 h 08 min"), (725, "12 min 05 s"), (43.9, "43 s"), (-5, "0 s"), (183_600, "2 d 03 h"), (None, "–")],
)
def test_a_duration_is_told_in_two_units(seconds: object, text: str) -> None:
    assert formats.duration(seconds).replace("\u00a0", " ") == text


def test_times_are_shown_in_ist_whatever_they_come_as() -> None:
    at = datetime(2026, 9, 4, 4, 0, 2, tzinfo=UTC)
    assert formats.ist(at) == formats.ist("2026-09-04T04:00:02Z") == formats.ist(at.timestamp()) == "09:30:02"
    assert str(formats.ist_day("2026-09-04T19:00:00Z")) == "2026-09-05"
    assert formats.ist("half past nine") == "–"


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_written_amount_reads_back_as_the_rounded_one(amount: Decimal) -> None:
    text = formats.number(amount, 2).replace(",", "").replace("−", "-")
    assert abs(Decimal(text) - amount) <= Decimal("0.005")


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("scene", ["live", "idle", "waiting", "nothing"])
def test_every_panel_has_its_root_element_whatever_the_engine_says(name: str, scene: str) -> None:
    runtime = {} if scene == "nothing" else getattr(snapshots, scene)()
    assert html(name, runtime).count(f'id="panel-{name}"') == 1
    assert 'hx-swap-oob="true"' in render_panel(name, runtime, NONE, oob=True)


@pytest.mark.parametrize("name", PANELS)
def test_a_pushed_panel_holds_nothing_that_takes_input(name: str) -> None:
    for scene in (snapshots.live(), snapshots.idle(), snapshots.waiting()):
        for tag in ("<input", "<button", "<form", "<select", "<details"):
            assert tag not in html(name, scene)


def test_the_hero_tells_net_gross_fees_and_the_cost_to_close() -> None:
    shown = html("hero", snapshots.live())
    for text in ("+$14.62", "▲", "+31.4 % of credit", "+$16.54", "−$1.92", "$30.01"):
        assert text in shown


def test_a_loss_is_told_by_sign_and_arrow_as_well_as_by_colour() -> None:
    shown = html("hero", snapshots.live(totals={"net": -5, "net_pct": -10.7}))
    assert "−$5.00" in shown
    assert "▼" in shown
    assert 'class="big down"' in shown


def test_the_hero_of_a_waiting_session_counts_down_to_the_entry() -> None:
    shown = html("hero", snapshots.waiting())
    assert "Entry in 9 min 12 s" in shown
    assert "at 09:30 IST" in shown


def test_the_hero_of_a_waiting_session_says_when_it_will_leave() -> None:
    shown = html("hero", snapshots.waiting())
    for text in ("Planned exit", "15:20 IST", "100 × BTC call, put", "+80 % of credit", "−40 % of credit"):
        assert text in shown
    assert "– IST" not in shown


def unplanned(**venue: Any) -> dict[str, Any]:
    """A waiting picture as the engine gives it: nothing is known of the exit yet."""
    plan = dict.fromkeys(("planned_exit_at", "guard_at", "settlement_at", "time_to_exit_seconds"))
    schedule = {**snapshots.WAITING["schedule"], **plan}
    return snapshots.waiting(schedule=schedule, venue={**snapshots.VENUE, **venue})


def test_the_schedule_of_a_waiting_session_runs_from_now_over_the_window_to_the_exit() -> None:
    built = figures.schedule(unplanned(clock="2026-09-03T12:09:16Z"), NONE)
    assert built["day"] == "Friday, 4 September"
    drawn = built["timeline"]
    assert [mark.text for mark in drawn.marks] == ["09:30 entry", "15:20 exit"]
    assert [span.css for span in drawn.spans] == ["r-window", "r-wait"]
    assert float(drawn.now.x) < float(drawn.marks[0].x) < float(drawn.marks[1].x)


def test_the_present_is_off_the_axis_of_an_entry_days_away() -> None:
    drawn = figures.schedule(unplanned(clock="2026-09-01T12:00:00Z"), NONE)["timeline"]
    assert drawn.now is None
    assert [mark.text for mark in drawn.marks] == ["09:30 entry", "15:20 exit"]


def test_a_guard_of_another_day_is_named_with_its_day() -> None:
    plan = {**snapshots.LIVE["schedule"], "guard_at": "2026-09-05T11:25:00Z", "settlement_at": "2026-09-05T12:00:00Z"}
    assert "flat by tomorrow 16:55 at the latest" in html("schedule", snapshots.live(schedule=plan))
    assert "flat by 16:55 at the latest" in html("schedule", snapshots.live())


def test_a_waiting_session_has_a_feed_that_says_why_it_is_empty() -> None:
    shown = html("decisions", snapshots.waiting())
    assert "Nothing is decided yet." in shown
    assert " hidden" not in shown
    assert " hidden" in html("decisions", snapshots.idle())


def test_a_dead_engine_is_told_before_what_stop_would_cost() -> None:
    shown = html("control_note", snapshots.live(worker={"alive": False}))
    assert "what you press waits" in shown
    assert "manage.py panic" in shown
    assert "$30.01" not in shown


def test_sentences_of_the_engine_have_real_minuses_everywhere() -> None:
    said = "4 orders at -12.5 for P-BTC-78000-050926"
    rule = {"rule": "delta_stop", "label": "Delta", "verdict": "unknown", "detail": said}
    for shown in (
        html("alerts", snapshots.live(phase="attention", attention=said)),
        html("rules", snapshots.live(rules=[rule])),
    ):
        assert "4 orders at −12.5 for P-BTC-78000-050926" in shown
    assert "4 orders at −12.5 for put 78,000" in html("hero", snapshots.waiting(schedule={}, entry={"summary": said}))


def test_risk_is_left_out_while_nothing_is_known_of_the_account() -> None:
    assert not figures.risk(snapshots.idle(risk={"margin": None, "cash": None, "available": None}), NONE)["shown"]
    assert "$82.10 · 8 %" in html("risk", snapshots.live())


def test_the_reason_of_the_end_is_written_where_the_line_is_not() -> None:
    rising = pnl_chart([[0, 0, None], [60, 80, None]], stop=40, target=80)
    falling = pnl_chart([[0, 0, None], [60, -40, None]], stop=40, target=80)
    assert rising is not None
    assert falling is not None
    assert (rising.exit_y, falling.exit_y) == ("97%", "12")


def test_legs_show_short_sizes_and_add_up() -> None:
    shown = html("legs", snapshots.live())
    for text in ("Call 80,800", "−100", "148.0 / 152.5", "+16.54", "465.5", "300.1", "expiry today 17:30 IST"):
        assert text in shown


def test_the_net_of_the_legs_is_unknown_while_one_cost_is() -> None:
    runtime = snapshots.live()
    runtime["positions"][0]["cost_to_close"] = None
    assert figures.legs(runtime, NONE)["net_cost"] is None


def test_rules_come_nearest_first_and_those_switched_off_by_name() -> None:
    built = figures.rules(snapshots.live(), NONE)
    assert [rule["label"] for rule in built["rules"]] == ["Trailing stop", "Call leg stop 2.0×", "Target", "Max loss"]
    assert built["rules"][0]["css"] == "near"
    assert built["off"] == ["Underlying stop"]


def test_a_rule_that_cannot_be_judged_says_so() -> None:
    rule = {"rule": "delta_stop", "label": "Delta", "verdict": "unknown", "progress": None}
    shown = html("rules", snapshots.live(rules=[rule]))
    assert "unknown" in shown
    assert "cannot be judged now" in shown


def test_the_pnl_chart_keeps_stop_and_target_on_the_axis() -> None:
    chart = pnl_chart([[0, 0, None], [60, 31.4, 10], [120, 20, 15]], stop=40, target=80)
    assert chart is not None
    assert [label.text.replace("\u00a0", " ") for label in chart.limits] == ["target +80 %", "stop −40 %"]
    target, stop = (float(label.at) for label in chart.limits)
    assert 0 < target < float(chart.last.at) < float(chart.zero) < stop < 100
    assert chart.trail.startswith("M500.0 ")
    assert chart.last_x == "100.0"


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(-1e6, 1e6), st.none() | st.floats(-100, 100)), max_size=40))
def test_any_history_draws_inside_its_box(points: list[tuple[int, float, float | None]]) -> None:
    ordered: list[tuple[int, float, float | None]] = sorted(points, key=lambda point: point[0])
    chart = pnl_chart(ordered, stop=40, target=80)
    assert (chart is None) == (len(points) < 2)
    if chart is not None:
        heights = [float(pair.split(",")[1]) for pair in chart.line.split()]
        assert all(0 <= height <= 1000 for height in heights)


def test_broken_points_are_left_out_of_the_chart() -> None:
    assert pnl_chart([[None, 1, None], [5, "x", None], [6, 2, None]], stop=None, target=None) is None


def test_the_payoff_puts_the_spot_on_the_curve_of_now() -> None:
    chart = payoff_chart([0, 50, 100], [-10, 10, -10], [-20, 0, -20], spot=25, strikes=[40, 60], breakevens=[25, 75])
    assert chart is not None
    assert chart.spot is not None
    assert chart.spot.at == "25.0"
    assert float(chart.spot_y) > float(chart.zero)
    assert [mark.at for mark in chart.breakevens] == ["25.0", "75.0"]


def test_a_spot_outside_the_payoff_is_not_drawn() -> None:
    chart = payoff_chart([0, 100], [1, 1], [], spot=250, strikes=[], breakevens=[])
    assert chart is not None
    assert chart.spot is None
    assert chart.now == ""


def test_break_evens_are_named_outside_the_tent_and_inside_at_the_edge() -> None:
    spots, line = [0, 50, 100], [-10, 10, -10]
    wide = payoff_chart(spots, line, [], spot=50, strikes=[], breakevens=[25, 75])
    edge = payoff_chart(spots, line, [], spot=50, strikes=[], breakevens=[5, 95])
    assert wide is not None
    assert edge is not None
    assert [mark.anchor for mark in wide.breakevens] == ["t-end", ""]
    assert [mark.anchor for mark in edge.breakevens] == ["", "t-end"]


def test_the_payoff_has_the_loss_that_ends_the_session() -> None:
    shown = html("payoff", snapshots.live())
    assert "stop −$18.62" in shown
    assert "stop" not in html("payoff", snapshots.live(limits={"max_loss_pct": None}))


def test_a_stop_below_the_curves_is_still_in_the_payoff() -> None:
    chart = payoff_chart([0, 50, 100], [-1, 1, -1], [], spot=90, strikes=[], breakevens=[], stop=50)
    assert chart is not None
    assert chart.stop is not None
    assert float(chart.stop.at) < 100
    assert chart.stop.anchor == "t-end"


def test_a_session_that_is_entering_is_not_said_to_look_for_strikes() -> None:
    summary = "Picked C-BTC-80800-050926 and P-BTC-78000-050926 of 43 strikes"
    runtime = snapshots.waiting(schedule={"time_to_entry_seconds": 0}, entry={"summary": summary})
    shown = html("hero", {**runtime, "phase": "entering"})
    assert "Selling both legs" in shown
    assert "Picked call 80,800 and put 78,000 of 43 strikes" in shown
    assert "Looking for two strikes" in html("hero", {**runtime, "phase": "selecting"})


def test_an_order_taken_for_refused_that_filled_says_so() -> None:
    assert order_words("rejected", 100, 100) == ("Filled after all", "warn")
    assert order_words("rejected", 0, 100)[0] == "Rejected"


def test_an_order_is_not_called_filled_before_its_fills_are_known() -> None:
    assert order_words("closed", 0, 100)[0] == "Ended"
    assert order_words("closed", 100, 100)[0] == "Filled"


def test_stop_is_not_called_free_while_sell_orders_are_out() -> None:
    waiting = snapshots.waiting()
    assert "at no cost" in html("control_note", waiting)
    assert "buys back what has filled" in html("control_note", {**waiting, "phase": "entering"})


def test_free_space_is_told_in_gigabytes() -> None:
    gate = {"label": "Disk space", "unit": "MB", "closed": False, "close": 500, "reopen": 1000}
    shown = html("gates", snapshots.live(gates=[{**gate, "value": 82_786.0}, {**gate, "value": 600.0}]))
    assert "80.8 GB" in shown
    assert "600 MB" in shown


def test_the_timeline_orders_entry_now_exit_and_settlement() -> None:
    now = datetime(2026, 9, 4, 5, 41, tzinfo=UTC)
    drawn = timeline(snapshots.LIVE["schedule"], now)
    assert drawn is not None
    assert drawn.now is not None
    entry, leave, settles = (float(mark.x) for mark in drawn.marks)
    assert entry < float(drawn.now.x) < leave < settles
    assert [span.css for span in drawn.spans] == ["r-done", "r-settle"]


def test_a_settlement_of_another_day_is_off_the_timeline() -> None:
    schedule = {**snapshots.LIVE["schedule"], "settlement_at": "2026-09-05T12:00:00Z"}
    drawn = timeline(schedule, None)
    assert drawn is not None
    assert [mark.text for mark in drawn.marks] == ["09:30 entry", "15:20 exit"]
    assert drawn.now is None


def test_labels_that_would_touch_on_a_phone_use_a_second_row() -> None:
    drawn = timeline(snapshots.LIVE["schedule"], None)
    assert drawn is not None
    assert ["second" in mark.css for mark in drawn.marks] == [False, False, True]


def levels(**changes: Any) -> list[tuple[str, str]]:
    """Level and text of the alerts of a changed live picture, with nothing else wrong."""
    return [(alert.level, alert.text) for alert in alerts(snapshots.live(**changes), NONE)]


def test_a_healthy_session_raises_no_alert() -> None:
    assert levels() == []


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({"worker": {"alive": False, "heartbeat_age_seconds": 12}}, "error", "nobody guards the open session"),
        ({"worker": {"alive": True, "standby": True}}, "info", "stands by"),
        ({"phase": "attention", "attention": "The put could not be closed."}, "error", "The put could not be closed."),
        ({"trading_mode": "halted"}, "error", "Trading is halted"),
        ({"trading_mode": "stop_entries"}, "warn", "New entries stopped"),
        ({"venue": {"name": "delta", "connected": False, "detail": "timeout"}}, "error", "No connection"),
        (
            {"venue": {"connected": True, "reconciled": False, "reconciled_at": "2026-09-04T05:41:05Z"}},
            "error",
            "disagree",
        ),
        ({"totals": {"complete": False, "why_not": "no ask of the put"}}, "warn", "no ask of the put"),
        ({"phase": "selecting", "entry": {"refusals": ["no strike in the band"]}}, "warn", "no strike in the band"),
    ],
)
def test_what_is_wrong_is_said_first(changes: dict[str, Any], level: str, text: str) -> None:
    (found,) = levels(**changes)
    assert found[0] == level
    assert text in found[1]


def test_a_session_that_was_never_reconciled_yet_is_not_in_disagreement() -> None:
    assert levels(venue={"connected": True, "reconciled": False, "reconciled_at": None}) == []


def test_errors_come_before_warnings() -> None:
    ranks = [level for level, _ in levels(trading_mode="stop_entries", worker={"alive": False})]
    assert ranks == ["error", "warn"]


def test_only_an_error_interrupts_a_screen_reader() -> None:
    assert 'role="alert"' in html("alerts", snapshots.live(trading_mode="halted"))
    assert 'role="alert"' not in html("alerts", snapshots.live(trading_mode="stop_entries"))


def test_the_data_age_counts_the_quote_and_the_heartbeat() -> None:
    assert platform.bar(snapshots.live(), NONE)["age"] == pytest.approx(0.7)
    assert platform.bar(snapshots.idle(), NONE)["age"] == pytest.approx(0.3)
    assert platform.bar({}, NONE)["age"] is None


def test_the_bar_names_the_phase_and_the_simulated_clock() -> None:
    shown = html("bar", snapshots.live())
    for text in ("PAPER", "Live", "05:41:07", "11:11:07", "sim ×60", 'data-clock-speed="60"'):
        assert text in shown


def test_live_money_is_marked_on_the_bar() -> None:
    shown = html("bar", snapshots.live(mode="live"))
    assert 'data-mode="live"' in shown
    assert "LIVE MONEY" in shown


def buttons(runtime: dict[str, Any]) -> dict[str, Button]:
    """The control panel's buttons by label."""
    built = control(runtime, NONE, operator=True)
    return {button.label: button for button in [*built["lead"], *built["others"]]}


def test_an_idle_engine_without_a_configuration_cannot_start() -> None:
    found = buttons(snapshots.idle())
    assert not found["Start now"].enabled
    assert found["Start now"].why_not == "No configuration is active"
    assert "Stop" not in found


@pytest.mark.parametrize("phase", ["entering", "live", "attention"])
def test_a_session_that_holds_can_be_stopped_after_a_question(phase: str) -> None:
    found = buttons(snapshots.live(phase=phase))
    assert found["Stop"].enabled
    assert "Close both legs" in found["Stop"].confirm
    assert "Start now" not in found


def test_a_waiting_session_can_enter_at_once() -> None:
    found = buttons(snapshots.waiting())
    assert (found["Enter now"].action, found["Enter now"].now) == ("restart", True)
    assert "before it enters" in found["Stop"].confirm


def test_nothing_interrupts_a_close_in_progress() -> None:
    found = buttons(snapshots.live(phase="exiting"))
    assert not found["Stop"].enabled
    assert not found["Restart"].enabled


def test_a_halted_platform_offers_no_way_back_but_the_typed_word() -> None:
    found = buttons(snapshots.live(trading_mode="halted"))
    assert "Resume entries" not in found
    assert not found["Restart"].enabled


def test_the_note_says_what_stop_costs() -> None:
    assert "$30.01" in html("control_note", snapshots.live())
    assert "at no cost" in html("control_note", snapshots.waiting())


def test_every_phase_and_every_exit_reason_has_words() -> None:
    assert all(phase_words(phase.value)[1] != "i-info" for phase in Phase)
    assert {reason.value for reason in ExitReason} <= set(EXIT_REASONS)
    assert reason_words("something_new") == "Something new"
    assert reason_words(None) == ""


def test_a_symbol_is_read_as_a_leg() -> None:
    assert leg_name("C-BTC-80800-050926") == "Call 80,800"
    assert leg_name("P-ETH-2400-050926") == "Put 2,400"
    assert leg_name("BTCUSD") == "BTCUSD"


def test_the_risk_verdict_warns_of_margin_and_of_a_spent_budget() -> None:
    assert figures.risk(snapshots.live(), NONE)["verdict"] == ("up", "healthy")
    assert figures.risk(snapshots.live(risk={"margin": 80, "cash": 100}), NONE)["verdict"][0] == "warn"
    spent = {"margin": 1, "cash": 100, "loss_budget": 50, "loss_used": 50}
    assert figures.risk(snapshots.live(risk=spent), NONE)["verdict"][0] == "down"
