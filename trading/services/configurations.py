"""Writing configurations. Every call needs the right to operate, is one transaction, and is audited however it ends.

``actor`` None is the machine's own operator at the command line, who may. The rules for values are those of
``trading.configuration_rules``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.permissions import OPERATE_REFUSED, can_operate
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict, InvalidInput, NotFound, PermissionRefused
from trading.configuration_fields import BY_NAME
from trading.configuration_rules import clean, imply_expiry_rule
from trading.models import ConfigurationRevision, Mode, StrategySession, TradingConfiguration
from trading.params import json_values, values_of
from trading.selectors import configurations as selectors
from trading.strategy.schedule import trading_day

NAME_LENGTH = 50
DELETE_ACTIVE = "Deactivate configuration before deleting"


@dataclass(frozen=True, slots=True)
class SavedConfiguration:
    """A configuration after a save. ``outdated_session`` is the open session that goes on with an older revision."""

    configuration: TradingConfiguration
    revision: ConfigurationRevision
    outdated_session: StrategySession | None = None


@dataclass(slots=True)
class _Operation:
    """One audited call."""

    actor: User | None
    action: str
    source: str
    request: HttpRequest | None
    target: str = ""
    detail: dict[str, object] = field(default_factory=dict)

    def record(self, outcome: str) -> None:
        record_event(
            actor=self.actor,
            action=f"configuration.{self.action}",
            outcome=outcome,
            target=self.target,
            request=self.request,
            source=self.source,
            detail=self.detail,
        )

    def on(self, configuration: TradingConfiguration) -> None:
        self.target = f"configuration {configuration.pk} {configuration.name}"


@contextmanager
def _operation(
    actor: User | None, action: str, source: str, request: HttpRequest | None, target: str = ""
) -> Iterator[_Operation]:
    """A transaction with its audit event: inside it when it went well, after the rollback when it was refused."""
    operation = _Operation(actor, action, source, request, target)
    try:
        if actor is not None and not can_operate(actor):
            raise PermissionRefused(OPERATE_REFUSED)
        with _conflicts_named(), transaction.atomic():
            yield operation
            operation.record("ok")
    except ApplicationError as refusal:
        operation.detail = {"reason": refusal.detail, "code": refusal.code}
        operation.record("refused")
        raise


@contextmanager
def _conflicts_named() -> Iterator[None]:
    """The database's word is the last one on names and on the one active configuration; say it as a ``Conflict``."""
    try:
        yield
    except IntegrityError as error:
        text = str(error)
        if "configuration_name_unique" in text:
            raise _duplicate("this name") from error
        if "configuration_one_active" in text or "is_active" in text:
            raise Conflict("Another configuration was activated at the same moment. Try again.") from error
        raise


def _duplicate(name: str) -> Conflict:
    message = f"A configuration called {name} already exists."
    return Conflict(message, fields={"name": [message]})


def create_configuration(
    *,
    actor: User | None,
    values: Mapping[str, object],
    source: str = "web",
    request: HttpRequest | None = None,
) -> TradingConfiguration:
    """Store a configuration and its revision 1; with ``is_active`` true it also becomes the active one.

    ``InvalidInput`` with a message per field, ``Conflict`` for a name that is taken.
    """
    with _operation(actor, "create", source, request, str(values.get("name", ""))) as operation:
        configuration = TradingConfiguration(**_cleaned(values))
        _refuse_taken_name(configuration)
        active = _wanted_active(values)
        configuration.save()
        revision = _add_revision(configuration, actor)
        if active:
            _make_active(configuration)
        operation.on(configuration)
        operation.detail = {"revision": revision.number, "values": revision.values, "is_active": bool(active)}
    return configuration


def update_configuration(
    *,
    actor: User | None,
    configuration_id: int,
    values: Mapping[str, object],
    expected_revision: int | None = None,
    source: str = "web",
    request: HttpRequest | None = None,
) -> SavedConfiguration:
    """Change the fields given, and make the next revision. The active flag changes only when ``is_active`` is given.

    ``expected_revision`` refuses (``Conflict``) to overwrite what somebody else saved in the meantime. Errors else are
    those of :func:`create_configuration`, and ``NotFound``.
    """
    with _operation(actor, "update", source, request, f"configuration {configuration_id}") as operation:
        configuration = _locked(configuration_id)
        operation.on(configuration)
        if expected_revision is not None and expected_revision != configuration.revision:
            raise Conflict("Somebody else saved this configuration in the meantime. Reload it and try again.")
        before = values_of(configuration)
        for name, value in _cleaned({**before, **_known(values)}).items():
            setattr(configuration, name, value)
        _refuse_taken_name(configuration)
        active = _wanted_active(values)
        configuration.save()
        revision = _add_revision(configuration, actor)
        _set_active(configuration, active)
        changed = selectors.changes_between(before, revision.values)
        operation.detail = {"revision": revision.number, "changed": {name: [old, new] for name, old, new in changed}}
    return SavedConfiguration(configuration, revision, selectors.outdated_session_of(configuration))


def clone_configuration(
    *, actor: User | None, configuration_id: int, source: str = "web", request: HttpRequest | None = None
) -> TradingConfiguration:
    """A copy under a free name, inactive, with a history of its own. ``NotFound`` for an unknown one."""
    with _operation(actor, "clone", source, request, f"configuration {configuration_id}") as operation:
        original = _locked(configuration_id)
        copied = {name: getattr(original, name) for name in BY_NAME}
        clone = TradingConfiguration(**{**copied, "name": _free_name(original.name)})
        clone.save()
        _add_revision(clone, actor)
        operation.on(clone)
        operation.detail = {"cloned_from": original.pk, "cloned_revision": original.revision}
    return clone


def delete_configuration(
    *, actor: User | None, configuration_id: int, source: str = "web", request: HttpRequest | None = None
) -> None:
    """Delete a configuration; its revisions stay for the sessions that pinned them.

    ``Conflict`` for the active one, and for one that a session is running with.
    """
    with _operation(actor, "delete", source, request, f"configuration {configuration_id}") as operation:
        configuration = _locked(configuration_id)
        operation.on(configuration)
        if configuration.is_active:
            raise Conflict(DELETE_ACTIVE)
        session = selectors.running_session_of(configuration_id)
        if session is not None:
            raise Conflict(
                f"Session {session.strategy_id} is running with this configuration. Stop it before deleting.",
                session_id=session.pk,
                strategy_id=session.strategy_id,
            )
        operation.detail = {"revision": configuration.revision, "values": values_of(configuration)}
        configuration.delete()


def activate_configuration(
    *, actor: User | None, configuration_id: int, source: str = "web", request: HttpRequest | None = None
) -> TradingConfiguration:
    """Make this the one active configuration, in place of any other. ``NotFound`` for an unknown one."""
    with _operation(actor, "activate", source, request, f"configuration {configuration_id}") as operation:
        configuration = _locked(configuration_id)
        operation.on(configuration)
        operation.detail = {"deactivated": _make_active(configuration)}
    return configuration


def deactivate_configuration(
    *, actor: User | None, configuration_id: int, source: str = "web", request: HttpRequest | None = None
) -> TradingConfiguration:
    """Leave no configuration active, if it is this one. ``NotFound`` for an unknown one."""
    with _operation(actor, "deactivate", source, request, f"configuration {configuration_id}") as operation:
        configuration = _locked(configuration_id)
        operation.on(configuration)
        _set_active(configuration, False)
    return configuration


def confirm_live(
    *,
    actor: User | None,
    configuration_id: int,
    typed_name: str,
    expected_revision: int | None = None,
    source: str = "web",
    request: HttpRequest | None = None,
) -> TradingConfiguration:
    """Let the newest revision of a live configuration trade real money; whoever confirms types its exact name.

    Any later save needs its own confirmation. ``NotFound``, ``InvalidInput`` (``name``), ``Conflict`` for another mode
    and when ``expected_revision``, what the confirming person saw, is no longer the newest.
    """
    with _operation(actor, "confirm_live", source, request, f"configuration {configuration_id}") as operation:
        configuration = _locked(configuration_id)
        operation.on(configuration)
        if configuration.mode != Mode.LIVE:
            raise Conflict(f"Only a configuration of mode 'live' is confirmed; this one is '{configuration.mode}'.")
        if expected_revision is not None and expected_revision != configuration.revision:
            raise Conflict(
                f"Revision {configuration.revision} was saved in the meantime. Reload, and confirm what you then see."
            )
        if typed_name.strip() != configuration.name:
            message = f"Type the configuration's name exactly: {configuration.name}"
            raise InvalidInput(message, fields={"name": [message]})
        configuration.live_confirmed_revision = configuration.revision
        configuration.save(update_fields=["live_confirmed_revision", "updated_at"])
        operation.detail = {"revision": configuration.revision}
    return configuration


def _cleaned(values: Mapping[str, object]) -> dict[str, Any]:
    return clean(values, today=trading_day(timezone.now()))


def _known(values: Mapping[str, object]) -> dict[str, object]:
    """The configuration's fields among ``values``: what else a client sent back (ids, dates) is not its to set."""
    return {name: value for name, value in imply_expiry_rule(values).items() if name in BY_NAME}


def _wanted_active(values: Mapping[str, object]) -> bool | None:
    """The active flag the caller asked for; None leaves it alone."""
    wanted = values.get("is_active")
    if wanted is None or isinstance(wanted, bool):
        return wanted
    message = "Choose true or false."
    raise InvalidInput(f"is_active: {message}", fields={"is_active": [message]})


def _refuse_taken_name(configuration: TradingConfiguration) -> None:
    if selectors.name_taken(configuration.name, by_other_than=configuration.pk):
        raise _duplicate(f"'{configuration.name}'")


def _locked(pk: int) -> TradingConfiguration:
    """The configuration, locked with all others in one order, so that two switches of the active one take turns."""
    rows = {row.pk: row for row in TradingConfiguration.objects.select_for_update().order_by("pk")}
    if pk not in rows:
        raise NotFound(selectors.NOT_FOUND)
    return rows[pk]


def _add_revision(configuration: TradingConfiguration, actor: User | None) -> ConfigurationRevision:
    configuration.revision += 1
    configuration.save(update_fields=["revision"])
    return ConfigurationRevision.objects.create(
        configuration=configuration,
        configuration_name=configuration.name,
        number=configuration.revision,
        values=json_values({name: getattr(configuration, name) for name in BY_NAME}),
        author=actor,
        author_email=actor.email if actor else "",
    )


def _set_active(configuration: TradingConfiguration, active: bool | None) -> None:
    if active:
        _make_active(configuration)
    elif active is False and configuration.is_active:
        configuration.is_active = False
        configuration.save(update_fields=["is_active", "updated_at"])


def _make_active(configuration: TradingConfiguration) -> list[str]:
    """The names of the configurations that had to step back."""
    others = TradingConfiguration.objects.filter(is_active=True).exclude(pk=configuration.pk)
    names = list(others.values_list("name", flat=True))
    others.update(is_active=False, updated_at=timezone.now())
    configuration.is_active = True
    configuration.save(update_fields=["is_active", "updated_at"])
    return names


def _free_name(name: str) -> str:
    """ "X (copy)", or "X (copy 2)" and so on, within the length of a name."""
    number = 1
    while True:
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        candidate = name[: NAME_LENGTH - len(suffix)].rstrip() + suffix
        if not selectors.name_taken(candidate):
            return candidate
        number += 1
