"""Health gates as pure functions: when they close, when they open, and what they say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.gates import GateRule, Gates, GateState, judge
from trading.engine.ports import StoreHealth, VenueHealth
from trading.engine.vitals import WriteTimes
from trading.engine.watch import Watch, readings
from trading.strategy.events import OrderReported
from trading.strategy.types import OrderReport, Outcome
from trading.tests.rig import MORNING

LATENCY = GateRule("venue_latency", "Venue latency", "ms", close=2000, reopen=1000)
DISK = GateRule("disk_space", "Disk space", "MB", close=500, reopen=1000, below=True)
REJECTS = GateRule("rejects", "Rejected orders", "in 5 min", close=3, reopen=1)
HOLD = 30.0
GOOD = VenueHealth(True)
AWAY = VenueHealth(False, "socket closed")

values = st.one_of(st.none(), st.floats(min_value=0, max_value=5000))
readings_in_time = st.lists(st.tuples(st.floats(min_value=0.1, max_value=40), values), min_size=1, max_size=60)


def play(rule: GateRule, timed: list[tuple[float, float | None]]) -> list[tuple[float, float | None, GateState]]:
    """Every reading with its time and the gate after it."""
    state, now, seen = GateState(), 0.0, []
    for pause, value in timed:
        now += pause
        state = judge(rule, state, value, now, HOLD)
        seen.append((now, value, state))
    return seen


@pytest.mark.parametrize("rule", [LATENCY, DISK], ids=["high is bad", "low is bad"])
@given(timed=readings_in_time)
def test_it_closes_at_once_and_reopens_only_after_it_stayed_good(
    rule: GateRule, timed: list[tuple[float, float | None]]
) -> None:
    seen = play(rule, timed)
    was_closed = False
    for number, (now, value, state) in enumerate(seen):
        if rule.bad(value):
            assert state.closed
        elif not was_closed:
            assert not state.closed
        elif not state.closed:
            # Good at every reading since the run began, and the run is long enough.
            began = max((at for at, v, _ in seen[:number] if not rule.good(v)), default=0.0)
            first = min(at for at, _, _ in seen[: number + 1] if at > began)
            assert rule.good(value)
            assert now - first >= HOLD
        was_closed = state.closed


@given(timed=readings_in_time)
def test_a_gate_between_its_thresholds_stays_as_it_is(timed: list[tuple[float, float | None]]) -> None:
    state, now = GateState(), 0.0
    for pause, _ in timed:
        now += pause
        state = judge(LATENCY, state, 1500.0, now, HOLD)
        assert not state.closed
    closed = GateState(True, 0.0, None, 2500.0)
    for pause, _ in timed:
        now += pause
        closed = judge(LATENCY, closed, 1500.0, now, HOLD)
        assert closed.closed


def test_one_bad_reading_starts_the_wait_anew() -> None:
    seen = play(LATENCY, [(1, 2500.0), (1, 900.0), (20, 900.0), (1, 1200.0), (1, 900.0), (29, 900.0), (1, 900.0)])
    assert [state.closed for _, _, state in seen] == [True, True, True, True, True, True, False]


def test_what_is_not_known_closes_nothing_and_lets_a_closed_gate_open_in_time() -> None:
    assert not judge(LATENCY, GateState(), None, 0, HOLD).closed
    closed = judge(LATENCY, GateState(True, 0, None, 2500.0), None, 1, HOLD)
    assert closed.closed
    assert not judge(LATENCY, closed, None, 31, HOLD).closed


def test_the_refusal_names_the_gate_its_value_and_its_threshold() -> None:
    gates = Gates((LATENCY, DISK), HOLD)
    gates.look({"venue_latency": 2345.6, "disk_space": 2000.0}, 0)
    assert gates.refusal() == (
        "Entries are stopped by a health gate: Venue latency 2,345.6 ms, it closes at or above 2,000 ms."
    )
    gates.look({"venue_latency": 1200.0, "disk_space": 400.0}, 1)
    assert "Venue latency 1,200 ms, it closed at or above 2,000 ms and reopens below 1,000 ms" in gates.refusal()
    assert "Disk space 400 MB, it closes at or below 500 MB" in gates.refusal()


def test_the_view_tells_every_gate() -> None:
    gates = Gates((LATENCY,), HOLD)
    gates.look({"venue_latency": 2500.0}, 10)
    assert gates.view(15) == [
        {
            "name": "venue_latency",
            "label": "Venue latency",
            "unit": "ms",
            "closed": True,
            "value": 2500.0,
            "close": 2000,
            "reopen": 1000,
            "below": False,
            "for_seconds": 5.0,
        }
    ]


def test_every_reading_has_its_gate() -> None:
    from trading.gate_settings import GATES

    assert set(readings(GOOD, StoreHealth(), 0, None)) == {name for name, *_ in GATES}


def test_rejects_are_forgotten_after_five_minutes_and_our_own_refusals_do_not_count() -> None:
    watch = Watch(Gates((), HOLD), outage_seconds=30)
    counted = []
    for minute, code in ((0, "unavailable"), (1, "trading_mode"), (2, "unavailable")):
        watch.saw(rejected(code=code))
        counted.append(watch.rejects(minute * 60))
    assert counted == [1, 1, 2]
    assert [watch.rejects(minute * 60) for minute in (3, 4.9, 5, 6.9, 7)] == [2, 2, 1, 1, 0]


def test_rejects_of_a_venue_whose_clock_is_weeks_ahead_are_forgotten_after_five_minutes_of_ours() -> None:
    watch = running(REJECTS)
    for _ in range(3):
        watch.saw(rejected(at=MORNING + timedelta(days=16)))
    look(watch, GOOD, 0)
    assert "Rejected orders 3 in 5 min" in watch.gates.refusal()
    for now in (299, 300, 330):
        look(watch, GOOD, now)
    assert watch.gates.refusal() == ""


def test_what_the_paper_venue_rejects_does_not_stop_a_live_entry() -> None:
    watch = running(REJECTS)
    look(watch, GOOD, 0, mode="paper")
    for _ in range(3):
        watch.saw(rejected())
    assert look(watch, GOOD, 1, mode="paper") == ["gate_closed"]
    watch.saw(rejected())
    assert look(watch, GOOD, 2, mode="live") == []
    assert watch.gates.refusal() == ""
    assert watch.rejects(2) == 0


def test_rejects_count_on_from_one_session_of_a_mode_to_the_next() -> None:
    watch = running(REJECTS)
    look(watch, GOOD, 0, mode="live")
    for _ in range(3):
        watch.saw(rejected())
    assert look(watch, GOOD, 1, mode="live") == ["gate_closed"]
    look(watch, GOOD, 2, None)
    look(watch, GOOD, 3, 2, mode="live")
    assert watch.rejects(3) == 3
    assert watch.gates.refusal()


def rejected(code: str = "unavailable", at: datetime = MORNING) -> OrderReported:
    """An order that the venue refused."""
    return OrderReported(at, OrderReport("ds1-CE-e1", Outcome.REJECTED, code=code))


def look(watch: Watch, venue: VenueHealth, now: float, session_id: int | None = 1, mode: str = "") -> list[str]:
    """The kinds of the notices with something to tell after a look at ``now``."""
    notices = watch.look(venue, StoreHealth(), None, now=now, session_id=session_id, mode=mode)
    return [notice.kind for notice in notices if notice.title]


def running(*rules: GateRule) -> Watch:
    """A watch that has looked around once and found all well."""
    made = Watch(Gates(rules, HOLD), outage_seconds=30)
    look(made, GOOD, -1, None)
    return made


def test_an_outage_is_told_once_after_its_patience_and_once_more_when_it_is_over() -> None:
    watch = Watch(Gates((), HOLD), outage_seconds=30)
    assert [look(watch, AWAY, now) for now in (0, 29, 30, 60)] == [[], [], ["venue_away"], []]
    assert [look(watch, GOOD, now) for now in (61, 62)] == [["venue_back"], []]
    assert [look(watch, AWAY, now) for now in (63, 64)] == [[], []]


def test_an_outage_without_a_session_is_nobodys_trouble() -> None:
    watch = Watch(Gates((), HOLD), outage_seconds=30)
    assert [look(watch, AWAY, now, None) for now in (0, 60)] == [[], []]
    assert look(watch, AWAY, 61) == ["venue_away"]


def test_a_gate_is_told_of_while_a_session_is_open() -> None:
    slow = VenueHealth(True, round_trip_p99_ms=3000.0)
    assert look(running(LATENCY), slow, 0, None) == []
    watch = running(LATENCY)
    assert [look(watch, slow, 0), look(watch, slow, 1)] == [["gate_closed"], []]
    assert [look(watch, GOOD, now) for now in (2, 31, 32)] == [[], [], ["gate_opened"]]


def test_slow_writes_are_forgotten_after_a_minute() -> None:
    now = [0.0]
    times = WriteTimes(lambda: now[0])
    assert times.p99_ms() is None
    with times.timed():
        now[0] += 2.0
    for _ in range(50):
        with times.timed():
            now[0] += 0.01
    assert times.p99_ms() == pytest.approx(2000)
    now[0] = 62.5
    with times.timed():
        now[0] += 0.02
    assert times.p99_ms() == pytest.approx(20)
