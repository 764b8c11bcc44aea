"""Reads: users, their API tokens and the audit trail."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from accounts import roles
from accounts.models import ApiToken, AuditEvent, User


def user_by_email(*, email: str) -> User | None:
    """The user of this e-mail in any case, active or not."""
    return User.objects.filter(email=User.objects.normalize_email(email)).first()


def active_managers() -> QuerySet[User]:
    """The active users who may manage users: admins and superusers, each once."""
    return User.objects.filter(Q(is_superuser=True) | Q(groups__name=roles.ADMIN), is_active=True).distinct()


def audit_events(
    *,
    action: str = "",
    email: str = "",
    target: str = "",
    outcome: str = "",
    source: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    text: str = "",
) -> QuerySet[AuditEvent]:
    """Events, newest first, narrowed by what is given: exact action, actor's e-mail, target, outcome and source, from
    ``since`` to before ``until``, with ``text`` in action, actor, target or correlation id.
    """
    asked = {
        "action": action,
        "actor_email": User.objects.normalize_email(email),
        "target": target,
        "outcome": outcome,
        "source": source,
        "at__gte": since,
        "at__lt": until,
    }
    found = AuditEvent.objects.select_related("actor").filter(**{name: value for name, value in asked.items() if value})
    if not text:
        return found
    named = ("action", "actor_email", "target", "correlation_id")
    return found.filter(reduce(or_, (Q(**{f"{name}__icontains": text}) for name in named)))


def audit_actions() -> list[str]:
    """The actions that were ever recorded, in order."""
    return list(AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct())


def api_tokens_of(user: User) -> QuerySet[ApiToken]:
    """The user's API tokens, newest first, the ended ones too."""
    return ApiToken.objects.filter(user=user).select_related("user")
