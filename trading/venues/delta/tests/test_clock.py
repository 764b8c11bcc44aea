"""The exchange's clock as seen from here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trading.venues.delta.clock import VenueClock, from_micros, seconds_of, to_micros
from trading.venues.delta.tests.support import MICROS, WALL, ManualTime


def clock(time: ManualTime, speed: float = 1.0) -> VenueClock:
    return VenueClock(speed=speed, wall=time.wall, mono=time.mono)


def test_it_takes_the_answer_to_be_written_half_way() -> None:
    time = ManualTime()
    venue = clock(time)
    sent = time.mono()
    time.advance(0.4)
    venue.sync(MICROS + 3_000_000, sent=sent, received=time.mono())
    assert venue.now() == from_micros(MICROS + 3_200_000)
    assert venue.skew_ms == pytest.approx(2800, abs=1)
    assert venue.signing_seconds() == int(WALL + 3.2)


def test_it_never_runs_backwards() -> None:
    time = ManualTime()
    venue = clock(time)
    before = venue.now()
    venue.sync(MICROS - 5_000_000, sent=time.mono(), received=time.mono())
    assert venue.now() == before
    time.advance(6)
    assert venue.now() == before + timedelta(seconds=1)


def test_a_late_signature_sets_it() -> None:
    venue = clock(ManualTime())
    venue.sync_signing(WALL + 10)
    assert venue.signing_seconds() == int(WALL + 10)
    assert venue.skew_ms == pytest.approx(10_000)


def test_a_simulator_in_a_hurry_does_not_disturb_signatures() -> None:
    time = ManualTime()
    venue = clock(time, speed=60.0)
    venue.sync(1_788_500_000_000_000, sent=time.mono(), received=time.mono())
    time.advance(10)
    assert venue.now() == from_micros(1_788_500_600_000_000)
    assert venue.signing_seconds() == int(WALL + 10)
    assert venue.wall_seconds_since(from_micros(1_788_500_000_000_000)) == pytest.approx(10)


@pytest.mark.parametrize("given", [WALL, WALL * 1e3, WALL * 1e6])
def test_server_times_come_in_three_units(given: float) -> None:
    assert seconds_of(given) == pytest.approx(WALL)


def test_microseconds_survive_the_way_there_and_back() -> None:
    assert to_micros(from_micros(MICROS + 7)) == MICROS + 7
