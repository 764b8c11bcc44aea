"""Opening a session: the one place that makes its row, for the services (start) and the engine's store (restart, next
day).
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from itertools import chain, count

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from deltastrangle.exceptions import Conflict
from trading.models import Mode, SessionStatus, StrategySession, TradingConfiguration
from trading.strategy.types import Phase

log = logging.getLogger(__name__)


class AlreadyRunning(Conflict):
    """A session is open, and there can be one at most."""

    code = "already_running"

    def __init__(self, session: StrategySession | None) -> None:
        if session is None:
            super().__init__("Strategy already running")
            return
        super().__init__(
            "Strategy already running",
            strategy_id=session.strategy_id,
            session_id=session.pk,
            phase=session.phase,
        )


class NotConfirmed(Conflict):
    """Nobody has confirmed that this revision may trade real money."""

    code = "live_not_confirmed"

    def __init__(self, configuration: TradingConfiguration) -> None:
        super().__init__(
            f"Revision {configuration.revision} of '{configuration.name}' is not confirmed for live trading. "
            "Confirm it by typing its name.",
            configuration_id=configuration.pk,
        )


def open_session(
    *, configuration: TradingConfiguration, started_by: User | None, enter_now: bool = False
) -> StrategySession:
    """Open a session that waits for its entry, pinned to the newest revision of ``configuration``.

    Its id is ``delta-strangle-`` and the wall time in UTC, with ``-2``, ``-3``… when that second is taken. Raises
    ``AlreadyRunning`` while another session is open (the database's constraint decides a race), ``NotConfirmed`` for a
    live one whose newest revision nobody confirmed (the next day's session may not trade money by what was edited
    since), and ``Conflict`` for a configuration that was never saved through the services.
    """
    revision = configuration.revisions.order_by("-number").first()
    if revision is None:
        raise Conflict(f"Configuration '{configuration.name}' has no saved revision; save it once more.")
    if configuration.mode == Mode.LIVE and not configuration.confirmed_for_live:
        raise NotConfirmed(configuration)
    try:
        with transaction.atomic():
            session = StrategySession.objects.create(
                strategy_id=_free_strategy_id(timezone.now()),
                status=SessionStatus.RUNNING,
                phase=Phase.WAITING.value,
                mode=configuration.mode,
                configuration=configuration,
                revision=revision,
                started_by=started_by,
                enter_now=enter_now,
                config_snapshot=revision.values,
                session_metadata={"config_id": configuration.pk, "revision": revision.number},
            )
    except IntegrityError as error:
        raise AlreadyRunning(StrategySession.objects.filter(status=SessionStatus.RUNNING).first()) from error
    transaction.on_commit(partial(_say_so, session, revision.configuration_name))
    return session


def _say_so(session: StrategySession, name: str) -> None:
    # The event's name and its fields are the reference's.
    told = {"strategy_id": session.strategy_id, "session_id": session.pk, "execution_mode": session.mode}
    log.info("Session opened", extra={"event": "session_created", "config_name": name, **told})


def _free_strategy_id(at: datetime) -> str:
    base = f"delta-strangle-{at:%Y%m%d%H%M%S}"
    ours = Q(strategy_id=base) | Q(strategy_id__startswith=f"{base}-")
    taken = set(StrategySession.objects.filter(ours).values_list("strategy_id", flat=True))
    candidates = chain([base], (f"{base}-{number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)
