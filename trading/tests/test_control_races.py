"""Requests at the same moment, in threads, each with a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from deltastrangle.exceptions import ApplicationError
from trading.models import EngineCommand, SessionStatus, StrategySession
from trading.services.control import ControlResult, request_control
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 4


def at_once(call: Callable[[], ControlResult]) -> list[ControlResult | ApplicationError]:
    """What each of four simultaneous callers gets."""
    barrier = Barrier(MANY)

    def run() -> ControlResult | ApplicationError:
        barrier.wait()
        try:
            return call()
        except ApplicationError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(MANY) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(MANY)]]


def test_of_many_starts_one_wins_and_the_others_learn_of_it() -> None:
    make.configuration()
    answers = at_once(lambda: request_control(actor=None, source="command", action="start"))
    session = StrategySession.objects.get(status=SessionStatus.RUNNING)
    started = [answer for answer in answers if isinstance(answer, ControlResult)]
    refused = [answer for answer in answers if isinstance(answer, ApplicationError)]
    assert [answer.session_id for answer in started] == [session.pk]
    assert [(error.code, error.extra["session_id"]) for error in refused] == [("already_running", session.pk)] * (
        MANY - 1
    )
    assert EngineCommand.objects.count() == 1


def test_many_starts_with_one_key_get_one_answer() -> None:
    make.configuration()
    answers = at_once(lambda: request_control(actor=None, source="command", action="start", idempotency_key="k"))
    assert isinstance(answers[0], ControlResult)
    assert answers == [answers[0]] * MANY
    assert (StrategySession.objects.count(), EngineCommand.objects.count()) == (1, 1)


@pytest.mark.parametrize("running", [True, False])
def test_many_panics_with_one_key_get_one_answer(running: bool) -> None:
    if running:
        make.session()
    answers = at_once(lambda: request_control(actor=None, source="command", action="panic", idempotency_key="k"))
    assert isinstance(answers[0], ControlResult)
    assert answers == [answers[0]] * MANY
    assert EngineCommand.objects.count() == 1


@pytest.mark.parametrize("action", ["panic", "stop"])
def test_many_at_once_make_one_command(action: str) -> None:
    make.session()
    answers = at_once(lambda: request_control(actor=None, source="command", action=action))
    assert isinstance(answers[0], ControlResult)
    assert answers == [answers[0]] * MANY
    assert EngineCommand.objects.count() == 1
