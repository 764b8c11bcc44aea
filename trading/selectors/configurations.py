"""Reading configurations, their revisions, and who uses them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from django.db.models import QuerySet

from deltastrangle.exceptions import NotFound
from trading.models import ConfigurationRevision, SessionStatus, StrategySession, TradingConfiguration

NOT_FOUND = "Configuration not found"


def list_configurations(*, search: str = "") -> QuerySet[TradingConfiguration]:
    """Configurations whose name or underlying contains ``search``, the active one first, then by name."""
    found = TradingConfiguration.objects.order_by("-is_active", "name", "id")
    text = search.strip()
    return found.filter(name__icontains=text) | found.filter(underlying__iexact=text) if text else found


def get_configuration(pk: int) -> TradingConfiguration:
    """One configuration; ``NotFound`` otherwise."""
    found = TradingConfiguration.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound(NOT_FOUND)
    return found


def get_by_name(name: str) -> TradingConfiguration:
    """The configuration called ``name`` in any case; ``NotFound`` otherwise."""
    found = TradingConfiguration.objects.filter(name__iexact=name.strip()).first()
    if found is None:
        raise NotFound(NOT_FOUND)
    return found


def name_taken(name: str, *, by_other_than: int | None = None) -> bool:
    """Whether another configuration has this name, in any case."""
    same = TradingConfiguration.objects.filter(name__iexact=name)
    return (same if by_other_than is None else same.exclude(pk=by_other_than)).exists()


def active_configuration() -> TradingConfiguration | None:
    """The one active configuration, if any."""
    return TradingConfiguration.objects.filter(is_active=True).first()


def revisions_of(pk: int) -> QuerySet[ConfigurationRevision]:
    """The revisions of a configuration, newest first."""
    return ConfigurationRevision.objects.filter(configuration_id=pk).order_by("-number")


def revision_of(pk: int, number: int) -> ConfigurationRevision:
    """One revision of a configuration; ``NotFound`` otherwise."""
    found = ConfigurationRevision.objects.filter(configuration_id=pk, number=number).first()
    if found is None:
        raise NotFound("Revision not found")
    return found


def revision_before(revision: ConfigurationRevision) -> ConfigurationRevision | None:
    """The one that ``revision`` replaced; None for the first."""
    earlier = ConfigurationRevision.objects.filter(
        configuration_id=revision.configuration_id, number__lt=revision.number
    )
    return earlier.order_by("-number").first()


def newest_revision(pk: int) -> ConfigurationRevision:
    """What a session started now would pin; ``NotFound`` when the configuration is gone."""
    found = revisions_of(pk).first()
    if found is None:
        raise NotFound(NOT_FOUND)
    return found


def running_session_of(pk: int) -> StrategySession | None:
    """The open session of a configuration, with its revision."""
    running = StrategySession.objects.filter(configuration_id=pk, status=SessionStatus.RUNNING)
    return running.select_related("revision").first()


def outdated_session_of(configuration: TradingConfiguration) -> StrategySession | None:
    """The open session that still runs an older revision than the newest one."""
    session = running_session_of(configuration.pk)
    return session if session and session.revision.number < configuration.revision else None


@dataclass(frozen=True, slots=True)
class RevisionStep:
    """A revision and what it changed: (field, before, after). The first one known changed nothing."""

    revision: ConfigurationRevision
    changes: tuple[tuple[str, object, object], ...]


def revision_steps(pk: int, *, limit: int = 20) -> list[RevisionStep]:
    """The newest ``limit`` revisions with their changes, newest first."""
    newest = list(revisions_of(pk)[: limit + 1])
    steps = [RevisionStep(later, changes_between(earlier.values, later.values)) for later, earlier in pairwise(newest)]
    return steps if len(newest) > limit else [*steps, *(RevisionStep(first, ()) for first in newest[-1:])]


def changes_between(before: dict[str, object], after: dict[str, object]) -> tuple[tuple[str, object, object], ...]:
    """The fields in which two sets of values differ, in the order of ``after``."""
    return tuple((name, before.get(name), value) for name, value in after.items() if before.get(name) != value)
